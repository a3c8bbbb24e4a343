/** @file Whatever `--data` may name, as a picture set of the model's size. */
import { stat } from 'node:fs/promises';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import type { PreprocessConfig } from '../clip/pictures/preprocess.ts';
import { badUsage } from '../errors.ts';
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
  /** How the model wants its pictures: a `ClipConfig` has it. */
  readonly config: PreprocessConfig;
  /** Only so many pictures of every class, or `all` that shots can be drawn from. Left out, it is a set to test on. */
  readonly shots?: ShotOptions | 'all';
}

/**
 * Picture sets that need no files. `emoji:test-plain` has the drawings of `emoji:test` without their varied views.
 * `emoji:train:DESIGN` has those of `emoji:train` that one artist made, as many pictures of each class in more views.
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
 * a CSV file `image,label`, or one of CoOp's split files (`split.json`, `split.json:val`): of that, shots are drawn from
 * `train` and are CoOp's own, and without shots it is `test`. Shots are chosen before files are read, so a large folder
 * costs no more than its shots.
 */
export async function openPictureSet(nameOrPath: string, options: OpenOptions): Promise<PictureSet> {
  const { classes, config } = options;
  const shots = options.shots === 'all' ? undefined : options.shots;
  const known = Object.hasOwn(builtIn, nameOrPath) ? builtIn[nameOrPath] : undefined;
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
  const listing = await list(nameOrPath, options.shots ? 'train' : 'test', classes);
  return picturesOfFiles(shots ? picked(listing, chooseShots(listing, shots)) : listing, config);
}

/** `split.json`, or one of its parts: `split.json:val`. */
async function coopSplit(name: string, part: SplitPart): Promise<{ path: string; part: SplitPart } | undefined> {
  const [, path = name, named] = /^(.+\.json):(\w+)$/i.exec(name) ?? [];
  if (!/\.json$/i.test(path) || !(await stat(path).catch(() => undefined))?.isFile()) return undefined;
  const known = splitParts.find((candidate) => candidate === (named ?? part));
  if (known) return { path, part: known };
  throw badUsage('--data', `the part "${named}" of ${path}`, `one of ${splitParts.join(', ')}`);
}

/** @param part of data that come in parts */
async function list(path: string, part: SplitPart, classes?: readonly string[]): Promise<Listing> {
  const split = await coopSplit(path, part);
  if (split) return listCoopSplit(split.path, split.part, classes);
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return listImageFolder(path, classes);
  if (found?.isFile()) return listImageCsv(path, classes);
  const names = Object.keys(builtIn).join(', ');
  throw badUsage('--data', `"${path}", which is neither a folder nor a file`, `one, or a built-in set (${names})`);
}

function picked(listing: Listing, positions: readonly number[]): Listing {
  return {
    ...listing,
    labels: Int32Array.from(positions, (position) => listing.labels[position]!),
    paths: pathList(positions.map((position) => listing.paths.at(position))),
  };
}
