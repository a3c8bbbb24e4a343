/** @file For tests: runs a small graph once, straight through ONNX Runtime in this thread. */
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import type { Tensor } from '../tensor/tensor.ts';
import type { Graph } from './graph.ts';
import { toOnnx } from './onnx.ts';

/** Runs `graph` with `feeds` for its inputs (state included) and returns its outputs. */
export async function runForTests(
  graph: Graph,
  feeds: Readonly<Record<string, Tensor>> = {},
): Promise<Record<string, Tensor>> {
  const model = toOnnx(graph);
  const folder = await mkdtemp(join(tmpdir(), 'graph-'));
  try {
    await writeFile(join(folder, 'model.onnx'), model.bytes);
    for (const [location, path] of Object.entries(model.files)) await symlink(path, join(folder, location));
    const session = await InferenceSession.create(join(folder, 'model.onnx'), {
      intraOpNumThreads: 1,
      logSeverityLevel: 3,
    });
    const inputs = Object.keys(model.inputs).map((name) => {
      const { dtype, shape, data } = feeds[name]!;
      return [name, new OrtTensor(dtype as 'float32', data as Float32Array, shape)] as const;
    });
    const results = await session.run(Object.fromEntries(inputs));
    await session.release();
    return Object.fromEntries(
      Object.entries(results).map(([name, { type, dims, data }]) => [
        name,
        { dtype: type, shape: dims, data } as unknown as Tensor,
      ]),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}
