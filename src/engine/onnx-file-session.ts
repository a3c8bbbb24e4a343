/** @file An ONNX file that exists already, run in the engine's kind of worker thread. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileProblem } from '../tensor/files/file-problem.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { EngineOptions, Tensors } from './engine.ts';
import { copyTensors } from './feeds.ts';
import { checkDevice } from './ort-engine.ts';
import { startWorker } from './worker-client.ts';

export interface OnnxFileSession {
  /** What goes in is not checked here: the file's maker knows what it takes. */
  run(feeds: Tensors): Promise<Record<string, Tensor>>;
  close(): Promise<void>;
}

/** Opens a model whose weights are inside, or in files beside it. */
export async function openOnnxFile(path: string, options: EngineOptions): Promise<OnnxFileSession> {
  const bytes = await readFile(path).catch((error) => {
    throw fileProblem(path, error);
  });
  const worker = startWorker();
  try {
    if (options.device !== 'cpu') await checkDevice(worker, options);
    const folder = dirname(resolve(path));
    await worker.request({ kind: 'compile', program: 0, bytes, folder, state: {}, ...options });
  } catch (error) {
    await worker.close();
    throw error;
  }
  return {
    async run(feeds) {
      const { copies, buffers } = copyTensors(feeds);
      const results = await worker.request({ kind: 'run', program: 0, feeds: copies }, buffers);
      return results as Tensors as Record<string, Tensor>;
    },
    close: () => worker.close(),
  };
}
