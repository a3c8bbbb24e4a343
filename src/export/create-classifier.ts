/** @file A classifier from an exported folder, in Node: onnxruntime-node in a worker thread, pictures decoded as Pillow does. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { decodeImage } from '../clip/pictures/decode.ts';
import type { EngineOptions } from '../engine/engine.ts';
import { openOnnxFile } from '../engine/onnx-file-session.ts';
import { badData } from '../errors.ts';
import { readSmallText } from '../tensor/files/text-file.ts';
import { sha256OfFile } from '../tensor/sha256.ts';
import { float32 } from '../tensor/tensor.ts';
import { type ExportedClassifier, exportedClassifier } from './exported-classifier.ts';
import { manifestFile, parseManifest } from './manifest.ts';
import { modelFilesIn } from './onnx-files.ts';

/**
 * Opens an exported folder (`antidote export RUN --format onnx`). Needs nothing but the folder, and gives the run's own
 * probabilities: pictures, paths or the bytes of files, are decoded and resized exactly as for purification.
 *
 * @param options where to compute; the processor and all its cores where left out
 * @throws AntidoteError (data) if the folder was exported without the ONNX model, or if the model is another than the
 *   manifest says
 */
export async function createClassifier(
  folder: string,
  options: Partial<EngineOptions> = {},
): Promise<ExportedClassifier<string | Uint8Array>> {
  const path = join(folder, manifestFile);
  const manifest = parseManifest(path, await readSmallText(path));
  for (const { path: file, sha256 } of modelFilesIn(folder, manifest)) {
    const found = await sha256OfFile(join(folder, file));
    if (found !== sha256) throw badData(join(folder, file), `SHA-256 ${found}`, `${sha256}, as ${manifestFile} says`);
  }
  const session = await openOnnxFile(join(folder, 'onnx', 'model.onnx'), {
    device: options.device ?? 'cpu',
    threads: options.threads ?? availableParallelism(),
  });
  const model = {
    async run(pixels: Float32Array, shape: readonly number[]) {
      const { logits } = await session.run({ pixel_values: float32(pixels, shape) });
      return logits!.data as Float32Array;
    },
    release: () => session.close(),
  };
  return exportedClassifier(manifest, model, (image: string | Uint8Array) => decodeImage(image));
}
