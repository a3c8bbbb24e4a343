/** @file For tests: runs small graphs in ONNX Runtime in this thread. */
import { link, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import type { Tensor } from '../tensor/tensor.ts';
import type { Graph } from './graph.ts';
import { toOnnx } from './onnx.ts';

export type Feeds = Readonly<Record<string, Tensor>>;
export type Results = Record<string, Tensor>;

/** Compiles `graph`, passes a function that runs it to `use`, and cleans up. Feeds may contain unused tensors. */
export async function withProgram<R>(
  graph: Graph,
  use: (run: (feeds: Feeds) => Promise<Results>) => Promise<R>,
  threads = 1,
): Promise<R> {
  const model = toOnnx(graph);
  const folder = await mkdtemp(join(tmpdir(), 'graph-'));
  try {
    await writeFile(join(folder, 'model.onnx'), model.bytes);
    for (const [location, path] of Object.entries(model.files)) await link(path, join(folder, location));
    const options = { intraOpNumThreads: threads, logSeverityLevel: 3 } as const;
    const session = await InferenceSession.create(join(folder, 'model.onnx'), options);
    const run = async (feeds: Feeds): Promise<Results> => {
      const inputs = Object.keys(model.inputs).map((name) => {
        const { dtype, shape, data } = feeds[name]!;
        return [name, new OrtTensor(dtype as 'float32', data as Float32Array, shape)] as const;
      });
      const outputs = Object.entries(await session.run(Object.fromEntries(inputs)));
      return Object.fromEntries(
        outputs.map(([name, { type, dims, data }]) => [name, { dtype: type, shape: dims, data } as unknown as Tensor]),
      );
    };
    const result = await use(run);
    await session.release();
    return result;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Runs `graph` once. */
export function runForTests(graph: Graph, feeds: Feeds = {}, threads = 1): Promise<Results> {
  return withProgram(graph, (run) => run(feeds), threads);
}
