/** @file A classifier from an exported folder, in Node: onnxruntime-node in a worker thread, pictures decoded as Pillow does. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { decodeImage } from '../clip/pictures/decode.ts';
import type { EngineOptions } from '../engine/engine.ts';
import { openOnnxFile } from '../engine/onnx-file-session.ts';
import { badData } from '../errors.ts';
import { shellWord } from '../runs/shell-word.ts';
import { readSmallTextIfThere } from '../tensor/files/text-file.ts';
import { sha256OfFile } from '../tensor/sha256.ts';
import { float32 } from '../tensor/tensor.ts';
import { type ExportManifest, exportFile, parseManifest } from './manifest.ts';
import { modelFilesIn, onnxData, onnxDataInModel, onnxModel } from './onnx-files.ts';
import { type ExportedClassifier, type PixelModel, pixelClassifier } from './pixel-classifier.ts';
import { purifiedFile } from './purified.ts';

/**
 * Opens an exported folder (`antidote export RUN --format onnx`). It needs only the folder and gives the run's own
 * probabilities: pictures, paths or the bytes of files, are decoded and resized exactly as for purification.
 *
 * @param options device and threads; by default the processor and all its cores
 * @throws AntidoteError (data) if the folder is no export or has no ONNX model, or one with another hash than the manifest's
 */
export async function createClassifier(
  folder: string,
  options: Partial<EngineOptions> = {},
): Promise<ExportedClassifier<string | Uint8Array>> {
  const manifest = await readManifest(folder);
  const files = modelFilesIn(folder, manifest);
  for (const { path: file, sha256 } of files) {
    const found = await sha256OfFile(join(folder, file));
    if (found !== sha256) throw badData(join(folder, file), `SHA-256 ${found}`, `${sha256}, as ${exportFile} says`);
  }
  const { device = 'cpu', threads = availableParallelism() } = options;
  const hasData = files.some(({ path }) => path === onnxData);
  const data = hasData ? { [onnxDataInModel]: join(folder, onnxData) } : {};
  const session = await openOnnxFile(join(folder, onnxModel), { device, threads }, data);
  const model: PixelModel = {
    async run(pixels, shape) {
      const { logits } = await session.run({ pixel_values: float32(pixels, shape) });
      return logits!.data as Float32Array;
    },
    release: () => session.close(),
  };
  return pixelClassifier(manifest, model, (image: string | Uint8Array) => decodeImage(image));
}

async function readManifest(folder: string): Promise<ExportManifest> {
  const path = join(folder, exportFile);
  const text = await readSmallTextIfThere(path);
  if (text !== undefined) return parseManifest(path, text);
  const expected = 'a folder that `antidote export RUN --format onnx` wrote';
  if (!existsSync(folder)) throw badData(folder, 'no such folder', expected);
  if (!existsSync(join(folder, purifiedFile))) throw badData(folder, `no ${exportFile} in it`, expected);
  const exporting = `antidote export ${shellWord(folder)} --out DIR --format onnx`;
  throw badData(folder, 'a purified run', expected, `give the folder of \`${exporting}\``);
}
