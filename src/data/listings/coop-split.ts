/** @file CoOp's split files (`split_zhou_*.json`): train, val and test as lists of picture, label and class name. */
import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { badData } from '../../errors.ts';
import { parseJson } from '../../tensor/files/json-file.ts';
import { listOf } from '../../tensor/files/json-lists.ts';
import { readSmallText } from '../../tensor/files/text-file.ts';
import { checkedClasses, classKey, nameYourClasses, spokenName } from '../classes.ts';
import type { Listing } from './image-files.ts';
import { pathList } from './path-list.ts';

export const splitParts = ['train', 'val', 'test'] as const;
export type SplitPart = (typeof splitParts)[number];

const items = listOf(z.tuple([z.string().min(1), z.int().min(0), z.string().min(1)]));
const schema = z.object({ train: items, val: items, test: items });
/** The largest of CoOp's split files, Food-101's, has some 11 MB: 101,000 pictures of five lines each. */
const mostBytes = 32 * 1024 * 1024;
const form = "CoOp's split holds train, val and test, each a list of [picture, label, class name]";

/**
 * Lists one part of a split file in its order. Pictures lie relative to the file or, as in CoOp's data sets, relative
 * to one folder beside it (`101_ObjectCategories`, `jpg`): the one that has the first picture.
 *
 * @param classes names to match; the file's names in the order of their labels if left out
 * @throws AntidoteError (data) that names part and item
 */
export async function listCoopSplit(path: string, part: SplitPart, classes?: readonly string[]): Promise<Listing> {
  const text = await readSmallText(path, mostBytes, { byUser: true });
  const entries = parseJson(path, text, schema, { advice: form })[part];
  const [first] = entries;
  if (first === undefined) throw badData(`${path}: ${part}`, 'no pictures', 'an entry for every picture');
  const own = namesByLabel(path, part, entries);
  const names =
    classes ??
    checkedClasses(
      path,
      own.filter((name) => name !== undefined),
    );
  const indexOf = new Map(names.map((name, index) => [classKey(name), index]));
  const labels = entries.map(([, label], position) => {
    const index = indexOf.get(classKey(own[label]!));
    if (index !== undefined) return index;
    const where = `${path}: ${part}[${position}]`;
    throw badData(where, `the class "${own[label]}"`, 'a name of the class list', nameYourClasses);
  });
  const folder = await pictureFolder(path, first[0]);
  return {
    name: path,
    classes: names,
    labels: Int32Array.from(labels),
    paths: pathList(entries.map(([image]) => join(folder, image))),
    shotRule: 'coop',
  };
}

/** Class names by label, underscores as spaces; a label may be missing from one part. */
function namesByLabel(path: string, part: SplitPart, entries: z.infer<typeof items>): readonly (string | undefined)[] {
  const names: (string | undefined)[] = [];
  entries.forEach(([, label, spelt], position) => {
    const name = spokenName(spelt);
    if (label > entries.length + 100_000)
      throw badData(`${path}: ${part}[${position}]`, `the label ${label}`, 'labels counted from 0');
    const earlier = names[label];
    if (earlier !== undefined && earlier !== name)
      throw badData(`${path}: ${part}[${position}]`, `"${name}" for label ${label}`, `"${earlier}", as before`);
    names[label] = name;
  });
  return Array.from(names);
}

async function pictureFolder(path: string, image: string): Promise<string> {
  const folder = dirname(path);
  const has = (candidate: string) =>
    stat(join(candidate, image)).then(
      (status) => status.isFile(),
      () => false,
    );
  if (await has(folder)) return folder;
  const beside = (await readdir(folder, { withFileTypes: true })).map(({ name }) => join(folder, name)).sort();
  for (const candidate of beside) if (await has(candidate)) return candidate;
  throw badData(`${path}: ${image}`, 'no such picture', 'it beside the split file, or in a folder that lies there');
}
