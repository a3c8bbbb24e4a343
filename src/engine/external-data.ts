/** @file Locates the weights for ONNX Runtime, so that it maps them from their own files. */
import { realpath, stat } from 'node:fs/promises';
import { dirname, relative, sep } from 'node:path';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { badData } from '../errors.ts';
import { explainingFile } from '../tensor/files/file-problem.ts';

/** A model whose external data is found below `folder`. */
export interface PlacedModel {
  readonly bytes: Uint8Array;
  /** Undefined if all weights are in the model itself. */
  readonly folder: string | undefined;
}

/**
 * ONNX Runtime reads external data only from below one folder, by relative paths, and follows no link out of it. So
 * this resolves links, takes the deepest folder above all files, and replaces the model's locations by paths from
 * there. Nothing is written or copied.
 */
export async function placeExternalData(
  bytes: Uint8Array,
  files: Readonly<Record<string, string>>,
): Promise<PlacedModel> {
  const paths = new Map<string, string>();
  const sizes = new Map<string, number>();
  for (const [location, path] of Object.entries(files)) {
    await explainingFile(path, async () => {
      paths.set(location, await realpath(path));
      sizes.set(location, (await stat(path)).size);
    });
  }
  if (paths.size === 0) return { bytes, folder: undefined };
  const folder = commonFolder([...paths.values()]);
  const model = fromBinary(ModelProtoSchema, bytes);
  for (const { externalData } of model.graph?.initializer ?? []) {
    const entry = externalData.find(({ key }) => key === 'location');
    const location = entry?.value ?? '';
    const path = paths.get(location);
    if (!entry || !path) continue;
    const end = numberAt(externalData, 'offset') + numberAt(externalData, 'length');
    const size = sizes.get(location)!;
    if (end > size) {
      throw badData(
        files[location]!,
        `${size} bytes`,
        `at least ${end}`,
        'the file has been cut short since it was opened',
      );
    }
    entry.value = relative(folder, path).replaceAll(sep, '/');
  }
  return { bytes: toBinary(ModelProtoSchema, model), folder };
}

function numberAt(entries: readonly { readonly key: string; readonly value: string }[], key: string): number {
  return Number(entries.find((entry) => entry.key === key)?.value ?? 0);
}

function commonFolder(paths: readonly string[]): string {
  let folder = dirname(paths[0]!);
  for (const path of paths) {
    while (!path.startsWith(folder.endsWith(sep) ? folder : folder + sep)) {
      if (dirname(folder) === folder) throw badData(path, `a file on another drive than ${paths[0]}`, 'one drive');
      folder = dirname(folder);
    }
  }
  return folder;
}
