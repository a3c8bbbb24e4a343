/** @file From the name of pictures, as `--data` has it, to a set of the model's size. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import type { PreprocessConfig } from '../clip/pictures/preprocess.ts';
import { badData, badUsage } from '../errors.ts';
import { emojiSet, trainingDesigns } from './emoji/emoji.ts';
import type { Design } from './emoji/format.ts';
import { chooseShots, type ShotOptions, subset } from './few-shot.ts';
import { listCoopSplit, type SplitPart, splitParts } from './listings/coop-split.ts';
import { listImageCsv } from './listings/image-csv.ts';
import { type Listing, picturesOfFiles } from './listings/image-files.ts';
import { listImageFolder } from './listings/image-folder.ts';
import { pathList } from './listings/path-list.ts';

export interface OpenOptions {
  /** The class list; the data's own classes if left out. */
  readonly classes?: readonly string[];
  /** The model's preprocessing: part of a `ClipConfig`. */
  readonly config: PreprocessConfig;
  /** The shots to draw, or `all` pictures that shots are drawn from. If left out, the set is for testing. */
  readonly shots?: ShotOptions | 'all';
  /** The flag that names the set, for messages. */
  readonly flag?: '--data' | '--test';
}

/**
 * Picture sets that need no files. `emoji:test-plain` has the drawings of `emoji:test` without their varied views.
 * `emoji:train:DESIGN` has those of `emoji:train` by one artist, with more views to make up as many pictures of each class.
 */
const builtIn: Readonly<Record<string, { part: 'train' | 'test'; views: number; design?: Design }>> = {
  'emoji:train': { part: 'train', views: 4 },
  'emoji:test': { part: 'test', views: 4 },
  'emoji:test-plain': { part: 'test', views: 1 },
  ...Object.fromEntries(
    trainingDesigns.map((design) => [`emoji:train:${design}`, { part: 'train' as const, views: 28, design }]),
  ),
};

/**
 * Opens a built-in set (`emoji:train`, `emoji:test`, `emoji:test-plain`), a folder with one sub-folder for every class,
 * a CSV file `image,label`, or one of CoOp's split files (`split.json`, `split.json:val`). From a split file, shots are
 * CoOp's own from `train`, and the default without shots is `test`. Shots are chosen before files are read, so a large
 * folder costs no more than its shots.
 */
export async function openPictureSet(nameOrPath: string, options: OpenOptions): Promise<PictureSet> {
  const { classes, config } = options;
  const shots = options.shots === 'all' ? undefined : options.shots;
  const known = builtInSet(nameOrPath);
  if (known) {
    const { part, views, design } = known;
    const set = {
      ...(await emojiSet(part, classes ?? 'emoji', {
        size: config.image.resolution,
        views,
        ...(design && { design }),
      })),
      name: nameOrPath,
    };
    return shots ? subset(set, chooseShots(set, shots)) : set;
  }
  const listing = await list(nameOrPath, options);
  return picturesOfFiles(shots ? picked(listing, chooseShots(listing, shots)) : listing, config);
}

function builtInSet(name: string) {
  return Object.hasOwn(builtIn, name) ? builtIn[name] : undefined;
}

/** Whether the pictures that shots are drawn from are among those of a test set, by the names of both. */
export async function arePicturesShared(shots: string, tests: string): Promise<boolean> {
  const [one, other] = [await sourceOf(shots, { shots: 'all' }), await sourceOf(tests, {})];
  const isSameDesign = !one.design || !other.design || one.design === other.design;
  return one.path === other.path && one.part === other.part && isSameDesign;
}

/** What a name stands for. Without a design, a built-in set has all of them. */
interface Source {
  readonly path: string;
  readonly part?: string | undefined;
  readonly design?: Design | undefined;
}

async function sourceOf(nameOrPath: string, use: Pick<OpenOptions, 'shots'>): Promise<Source> {
  const known = builtInSet(nameOrPath);
  if (known) return { path: 'emoji', part: known.part, design: known.design };
  const [path, part] = (await coopSplit(nameOrPath, use)) ?? [nameOrPath];
  return { path: resolve(path), part };
}

/** The split file and its part, if the name is `split.json` or `split.json:val`. */
async function coopSplit(
  name: string,
  { shots, flag }: Pick<OpenOptions, 'shots' | 'flag'>,
): Promise<[path: string, SplitPart] | undefined> {
  const [, path = name, named = shots ? 'train' : 'test'] = /^(.+\.json):(\w+)$/i.exec(name) ?? [];
  if (!/\.json$/i.test(path) || !(await stat(path).catch(() => undefined))?.isFile()) return undefined;
  const part = splitParts.find((candidate) => candidate === named);
  if (part) return [path, part];
  throw badUsage(placeOf(name, flag), `the part "${named}"`, `one of ${splitParts.join(', ')}`);
}

const placeOf = (name: string, flag: string | undefined) => (flag === undefined ? name : `${flag} ${name}`);

async function list(name: string, options: OpenOptions): Promise<Listing> {
  const { classes, flag } = options;
  const split = await coopSplit(name, options);
  if (split) return listCoopSplit(...split, classes);
  const found = await stat(name).catch(() => undefined);
  if (found?.isDirectory()) return listImageFolder(name, classes);
  if (found?.isFile()) return listImageCsv(name, classes);
  const names = Object.keys(builtIn).join(', ');
  throw badData(placeOf(name, flag), 'neither a folder nor a file', `one, or a built-in set (${names})`);
}

function picked(listing: Listing, positions: readonly number[]): Listing {
  return {
    ...listing,
    labels: Int32Array.from(positions, (position) => listing.labels[position]!),
    paths: pathList(positions.map((position) => listing.paths.at(position))),
  };
}
