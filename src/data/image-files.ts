/** @file Picture sets from files: decoded and brought to the model's size when they are read. */
import { decodeImage } from '../clip/decode.ts';
import { type PreprocessConfig, preprocess } from '../clip/preprocess.ts';
import { sha256, sha256OfFile } from '../tensor/sha256.ts';
import type { PictureSet } from './pictures.ts';

/** Pictures on disk with their classes. */
export interface Listing {
  readonly name: string;
  readonly classes: readonly string[];
  /** Index into `classes` for every file. */
  readonly labels: Int32Array;
  readonly paths: readonly string[];
}

/** Picture files of which nothing is known but the order. */
export function unlabelled(paths: readonly string[]): Listing {
  return { name: 'pictures', classes: [], labels: new Int32Array(paths.length), paths };
}

/** Files in work at a time: enough to keep the decoder's threads busy, few enough for pictures of many megapixels. */
const atOnce = 4;

/** Change it when the same files are to give other pictures. */
const pipelineVersion = 1;

/** Reads every file once for the hash; decodes only what is asked for. */
export async function picturesOfFiles(listing: Listing, config: PreprocessConfig): Promise<PictureSet> {
  const { name, classes, labels, paths } = listing;
  const size = config.image.resolution;
  const { resize, interpolation } = config.preprocessing;
  const length = 3 * size * size;
  const contents = await inTurn(paths, (path) => sha256OfFile(path));
  return {
    name,
    classes,
    labels,
    size,
    hash: sha256(JSON.stringify([pipelineVersion, size, resize, interpolation, classes, [...labels], contents])),
    async read(positions) {
      const data = new Uint8Array(positions.length * length);
      await inTurn(positions, async (position, index) => {
        data.set(preprocess(await decodeImage(paths[position]!), config), index * length);
      });
      return { dtype: 'uint8', shape: [positions.length, 3, size, size], data };
    },
  };
}

/** Results in the order of the items, a few of them in work at a time. The first failure stops the rest. */
async function inTurn<T, R>(items: readonly T[], work: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let first = 0; first < items.length; first += atOnce) {
    const group = items.slice(first, first + atOnce);
    results.push(...(await Promise.all(group.map((item, i) => work(item, first + i)))));
  }
  return results;
}
