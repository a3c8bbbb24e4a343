/** @file Runs an existing ONNX file in a worker thread like the engine's. */
import { readFile } from 'node:fs/promises';
import { explainingFile } from '../tensor/files/file-problem.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { EngineOptions, Tensors } from './engine.ts';
import { placeExternalData } from './external-data.ts';
import { copyTensors } from './feeds.ts';
import { checkDevice } from './ort-engine.ts';
import { startWorker } from './worker-client.ts';

export interface OnnxFileSession {
  /** Feeds are not checked here: the caller made the file. */
  run(feeds: Tensors): Promise<Record<string, Tensor>>;
  close(): Promise<void>;
}

/**
 * Opens a model whose weights are in the file, or in other files.
 *
 * @param data files of weights, by the location that the model has for each
 */
export async function openOnnxFile(
  path: string,
  options: EngineOptions,
  data: Readonly<Record<string, string>> = {},
): Promise<OnnxFileSession> {
  const { bytes, folder } = await placeExternalData(await explainingFile(path, () => readFile(path)), data);
  const worker = startWorker();
  try {
    if (options.device !== 'cpu') await checkDevice(worker, options);
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
