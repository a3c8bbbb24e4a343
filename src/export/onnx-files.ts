/** @file Names of the exported ONNX model's files, as transformers.js looks for them. */
import { badData } from '../errors.ts';
import type { ExportManifest } from './manifest.ts';

export const onnxModel = 'onnx/model.onnx';
/** Weights too large for the model's own file. */
export const onnxData = 'onnx/model.onnx_data';

/**
 * Entries of the ONNX model's files, the model itself first.
 *
 * @param where what errors call the folder
 */
export function modelFilesIn(where: string, { files }: ExportManifest): ExportManifest['files'] {
  const found = [onnxModel, onnxData].flatMap((wanted) => files.filter(({ path }) => path === wanted));
  if (found[0]?.path !== onnxModel)
    throw badData(where, `no ${onnxModel}`, 'an export that has it', 'antidote export RUN --format onnx --out DIR');
  return found;
}
