/** @file Whatever `--data` may name, as a picture set of the model's size. */
import { stat } from 'node:fs/promises';
import type { PreprocessConfig } from '../clip/preprocess.ts';
import { badUsage } from '../errors.ts';
import { emojiSet } from './emoji.ts';
import { chooseShots, type ShotOptions, subset } from './few-shot.ts';
import { listImageCsv } from './image-csv.ts';
import { type Listing, picturesOfFiles } from './image-files.ts';
import { listImageFolder } from './image-folder.ts';
import type { PictureSet } from './pictures.ts';

export interface OpenOptions {
  /** The class list; the data's own classes if left out. */
  readonly classes?: readonly string[];
  /** How the model wants its pictures: a `ClipConfig` has it. */
  readonly config: PreprocessConfig;
  /** Only so many pictures of every class. */
  readonly shots?: ShotOptions;
}

/** Picture sets that need no files. `emoji:test-plain` has the drawings of `emoji:test` without their varied views. */
const builtIn: Readonly<Record<string, { part: 'train' | 'test'; views: number }>> = {
  'emoji:train': { part: 'train', views: 4 },
  'emoji:test': { part: 'test', views: 4 },
  'emoji:test-plain': { part: 'test', views: 1 },
};

/**
 * Opens a built-in set (`emoji:train`, `emoji:test`, `emoji:test-plain`), a folder with one sub-folder for every class,
 * or a CSV file `image,label`. Shots are chosen before files are read, so a large folder costs no more than its shots.
 */
export async function openPictureSet(nameOrPath: string, options: OpenOptions): Promise<PictureSet> {
  const { classes, config, shots } = options;
  const known = Object.hasOwn(builtIn, nameOrPath) ? builtIn[nameOrPath] : undefined;
  if (known) {
    const { part, views } = known;
    const set = {
      ...(await emojiSet(part, classes ?? 'emoji', { size: config.image.resolution, views })),
      name: nameOrPath,
    };
    return shots ? subset(set, chooseShots(set.name, set.labels, set.classes, shots)) : set;
  }
  const listing = await list(nameOrPath, classes);
  return picturesOfFiles(shots ? shotsOf(listing, shots) : listing, config);
}

async function list(path: string, classes?: readonly string[]): Promise<Listing> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return listImageFolder(path, classes);
  if (found?.isFile()) return listImageCsv(path, classes);
  const names = Object.keys(builtIn).join(', ');
  throw badUsage('--data', `"${path}", which is neither a folder nor a file`, `one, or a built-in set (${names})`);
}

function shotsOf(listing: Listing, shots: ShotOptions): Listing {
  const positions = chooseShots(listing.name, listing.labels, listing.classes, shots);
  return {
    ...listing,
    labels: Int32Array.from(positions, (position) => listing.labels[position]!),
    paths: positions.map((position) => listing.paths[position]!),
  };
}
