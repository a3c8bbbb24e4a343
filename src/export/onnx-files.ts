/** @file The files of the exported ONNX model, with the names that transformers.js looks for. */
import { badData } from '../errors.ts';
import type { ExportManifest } from './manifest.ts';

export const onnxModel = 'onnx/model.onnx';
/** Weights too large for the model's own file. */
export const onnxData = 'onnx/model.onnx_data';
/** The same from the model's folder: how the model refers to it. */
export const onnxDataInModel = 'model.onnx_data';

/**
 * Entries of the ONNX model's files, the model itself first.
 *
 * @param where the folder's name in errors
 */
export function modelFilesIn(where: string, { files }: ExportManifest): ExportManifest['files'] {
  const found = [onnxModel, onnxData].flatMap((wanted) => files.filter(({ path }) => path === wanted));
  if (found[0]?.path !== onnxModel)
    throw badData(where, `no ${onnxModel}`, 'an export that has it', 'antidote export RUN --format onnx --out DIR');
  return found;
}
