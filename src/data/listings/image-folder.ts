/** @file A folder with one sub-folder of pictures for every class, as torchvision's ImageFolder reads it. */
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { badData } from '../../errors.ts';
import { fileProblem } from '../../tensor/files/file-problem.ts';
import { checkedClasses, classKey, imagenetClasses, nameYourClasses } from '../classes.ts';
import type { Listing } from './image-files.ts';
import { collectPaths } from './path-list.ts';

/** Endings of the pictures that the decoder reads. */
const readableEnds = ['.jpg', '.jpeg', '.png', '.webp', '.gif'];

/**
 * Endings that mean a picture. One that the decoder does not read, though torchvision would, is listed all the same: it
 * is then refused by name, where a set that silently lacks it would give other numbers. Other files (notes) are passed
 * over.
 */
const pictureEnds = new Set([...readableEnds, '.bmp', '.ppm', '.pgm', '.tif', '.tiff', '.avif', '.heic', '.heif']);

/**
 * Lists the pictures of a folder, class by class, by path within each.
 *
 * Without `classes` the sub-folders are the classes, by name. With `classes` every sub-folder must name one of them
 * (underscores stand for spaces, case does not matter). ImageNet comes with WordNet ids (`n01440764`): those of its
 * thousand classes stand for the names that CLIP has for them, so a part of ImageNet will do as well, and for their own
 * places where `classes` is ImageNet's list. If names do not fit, or ids are others, as many ids as there are classes
 * are the classes in the ids' order.
 *
 * @throws AntidoteError (data) for an empty class and for sub-folders that are not classes
 */
export async function listImageFolder(folder: string, classes?: readonly string[]): Promise<Listing> {
  const folders = await subFolders(folder);
  if (folders.length === 0) {
    throw badData(folder, 'no sub-folders', 'one sub-folder of pictures for every class', 'or give a CSV file');
  }
  const imagenet = await imagenetOf(folders);
  const own = folders.map((name) => imagenet?.get(name) ?? spoken(name));
  // ImageNet's names are taken as they are, twins and all; any others must be told apart.
  const names = classes ?? (imagenet && own.length > 1 ? own : checkedClasses(folder, own));
  const indices = classes
    ? ((imagenet && placesIn(imagenet, folders, classes)) ?? matched(folder, folders, own, classes))
    : folders.map((_, index) => index);
  const labels: number[] = [];
  const order = folders.map((name, i) => ({ name, label: indices[i]! })).sort((a, b) => a.label - b.label);
  const paths = collectPaths();
  for (const { name, label } of order) {
    const pictures = await picturesIn(join(folder, name));
    if (pictures.length === 0) {
      throw badData(join(folder, name), 'no pictures', `at least one of ${readableEnds.join(' ')}`);
    }
    for (const path of pictures) {
      paths.add(path);
      labels.push(label);
    }
  }
  return { name: folder, classes: names, labels: Int32Array.from(labels), paths: paths.list() };
}

const byCode = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

const spoken = (folderName: string) => folderName.replaceAll('_', ' ').trim();

async function subFolders(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const visible = entries.filter((entry) => !entry.name.startsWith('.'));
    const areFolders = await Promise.all(visible.map((entry) => isFolder(folder, entry)));
    return visible
      .filter((_, i) => areFolders[i])
      .map((entry) => entry.name)
      .sort(byCode);
  } catch (error) {
    throw fileProblem(folder, error);
  }
}

/** Whether it is a folder or a link to one. */
async function isFolder(folder: string, entry: Dirent): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  const link = join(folder, entry.name);
  try {
    return (await stat(link)).isDirectory();
  } catch (error) {
    throw fileProblem(link, error);
  }
}

/** At any depth. A folder that links lead to twice, or round in a circle, is looked into once. */
async function picturesIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  const visited = new Set<string>();
  async function look(inner: string): Promise<void> {
    const here = join(folder, inner);
    const place = await realpath(here);
    if (visited.has(place)) return;
    visited.add(place);
    for (const entry of await readdir(here, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const name = join(inner, entry.name);
      if (await isFolder(here, entry)) await look(name);
      else if (pictureEnds.has(extname(name).toLowerCase())) found.push(name);
    }
  }
  try {
    await look('');
  } catch (error) {
    throw fileProblem(folder, error);
  }
  return found.sort(byCode).map((name) => join(folder, name));
}

const isWordNetId = (name: string) => /^n\d{8}$/.test(name);

/** WordNet ids to names, ids in the order of the classes. */
type Imagenet = ReadonlyMap<string, string>;

/** ImageNet, if all folders are classes of it. */
async function imagenetOf(folders: readonly string[]): Promise<Imagenet | undefined> {
  if (!folders.every(isWordNetId)) return undefined;
  const imagenet = await imagenetClasses();
  return folders.every((id) => imagenet.has(id)) ? imagenet : undefined;
}

/**
 * For every sub-folder its index into `classes`, if those are ImageNet's own list. Two pairs of its classes share a
 * name (missiles and sunglasses), so in a part of it only ids tell which is meant.
 */
function placesIn(
  imagenet: Imagenet,
  folders: readonly string[],
  classes: readonly string[],
): readonly number[] | undefined {
  if (!isDeepStrictEqual([...imagenet.values()], classes)) return undefined;
  const placeOf = new Map([...imagenet.keys()].map((id, index) => [id, index]));
  return folders.map((id) => placeOf.get(id)!);
}

/** For every sub-folder its index into `classes`, which may have it as it is spelt or by its name. */
function matched(
  folder: string,
  folders: readonly string[],
  names: readonly string[],
  classes: readonly string[],
): readonly number[] {
  const indexOf = new Map(classes.map((name, index) => [classKey(name), index]));
  const indices = folders.map((name, i) => indexOf.get(classKey(name)) ?? indexOf.get(classKey(names[i]!)));
  // A list with twins in it, as a part of ImageNet may have them, goes by order too.
  const byOrder = folders.every(isWordNetId) && folders.length === classes.length;
  if (byOrder && (indexOf.size < classes.length || indices.includes(undefined)))
    return folders.map((_, index) => index);
  const found = new Map<number, string>();
  return folders.map((name, position) => {
    const index = indices[position];
    if (index === undefined) {
      const expected = `names of the class list (${folders.length} sub-folders against ${classes.length} classes)`;
      throw badData(join(folder, name), 'a sub-folder that is no class', expected, nameYourClasses);
    }
    const twin = found.get(index);
    if (twin !== undefined) {
      throw badData(join(folder, name), `a second folder of "${classes[index]}"`, 'one', `"${twin}" is the first`);
    }
    found.set(index, name);
    return index;
  });
}
