/** @file Picture sets from files, decoded and resized to the model's size when they are read. */
import { createHash } from 'node:crypto';
import { decodeImage } from '../../clip/pictures/decode.ts';
import type { PictureSet } from '../../clip/pictures/pictures.ts';
import { type PreprocessConfig, preprocess } from '../../clip/pictures/preprocess.ts';
import { sha256OfFile } from '../../tensor/sha256.ts';
import { type PathList, pathList } from './path-list.ts';

/** Pictures on disk with their classes. */
export interface Listing {
  readonly name: string;
  readonly classes: readonly string[];
  /** Index into `classes` for every file. */
  readonly labels: Int32Array;
  readonly paths: PathList;
  /** As in `PictureSet`. */
  readonly shotRule?: 'coop';
}

/** Picture files without classes, in the given order. */
export function unlabelled(paths: readonly string[]): Listing {
  return { name: 'pictures', classes: [], labels: new Int32Array(paths.length), paths: pathList(paths) };
}

/** Concurrent files without threads: enough to keep libvips's threads busy, few enough for pictures of many megapixels. */
const atOnce = 4;

/** Part of the hash: to be changed when the same files give other pictures. */
const pipelineVersion = 1;

/** Reads every file once for the hash; decodes files only when their pictures are read. */
export async function picturesOfFiles(listing: Listing, config: PreprocessConfig): Promise<PictureSet> {
  const { name, classes, labels, paths, shotRule } = listing;
  const size = config.image.resolution;
  const length = 3 * size * size;
  return {
    name,
    classes,
    labels,
    ...(shotRule && { shotRule }),
    size,
    hash: await hashOf(listing, config),
    async read(positions, decoders) {
      const data = new Uint8Array(positions.length * length);
      const picture = async (path: string) =>
        decoders ? decoders.decode(path, config) : preprocess(await decodeImage(path), config);
      // Threads have their own queue of files.
      await together(positions.length, decoders ? positions.length : atOnce, async (index) => {
        data.set(await picture(paths.at(positions[index]!)), index * length);
      });
      return { dtype: 'uint8', shape: [positions.length, 3, size, size], data };
    },
  };
}

/**
 * SHA-256 of the JSON text `[version, size, resize, interpolation, classes, labels, hashes of the files]`, piece by piece.
 * A centre other than torchvision's follows the interpolation.
 */
async function hashOf({ classes, labels, paths }: Listing, config: PreprocessConfig): Promise<string> {
  const { resize, interpolation, centre } = config.preprocessing;
  const digests = Buffer.alloc(32 * paths.length);
  await together(paths.length, atOnce, async (index) => {
    digests.write(await sha256OfFile(paths.at(index)), 32 * index, 'hex');
  });
  const hash = createHash('sha256');
  const way = centre === 'torchvision' ? [resize, interpolation] : [resize, interpolation, centre];
  const head = JSON.stringify([pipelineVersion, config.image.resolution, ...way, classes]);
  hash.update(`${head.slice(0, -1)},[`);
  labels.forEach((label, i) => {
    hash.update(i === 0 ? `${label}` : `,${label}`);
  });
  hash.update('],[');
  for (let i = 0; i < paths.length; i++) {
    hash.update(`${i === 0 ? '' : ','}"${digests.toString('hex', 32 * i, 32 * i + 32)}"`);
  }
  return hash.update(']]').digest('hex');
}

/** Runs `work` for 0 to `count - 1`, `width` at a time. The first failure stops the rest. */
async function together(count: number, width: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  let failed = false;
  async function lane(): Promise<void> {
    while (next < count && !failed) {
      try {
        await work(next++);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  }
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(width, count) }, lane));
  for (const ended of lanes) if (ended.status === 'rejected') throw ended.reason;
}
