/** @file A folder with one sub-folder of pictures for every class, as torchvision's ImageFolder reads it. */
import type { Dirent } from 'node:fs';
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { badData } from '../../errors.ts';
import { explainingFile } from '../../tensor/files/file-problem.ts';
import { checkedClasses, classKey, imagenetClasses, nameYourClasses, spokenName } from '../classes.ts';
import type { Listing } from './image-files.ts';
import { collectPaths } from './path-list.ts';

/** File extensions that the decoder reads. */
const readableEnds = ['.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.webp', '.gif'];

/**
 * Extensions of pictures. Formats that torchvision reads but the decoder does not are listed too, and refused by name when
 * read: a set that silently lacked them would give other numbers. Other files (notes) are skipped.
 */
const pictureEnds = new Set([...readableEnds, '.bmp', '.ppm', '.pgm', '.tif', '.tiff', '.avif', '.heic', '.heif']);

/**
 * Lists the pictures of a folder, class by class, by path within each.
 *
 * Without `classes` the sub-folders are the classes, by name. With `classes` every sub-folder must name one of them
 * (underscores stand for spaces, case does not matter). ImageNet's folders are WordNet ids (`n01440764`). The ids of its
 * thousand classes, or of a part of them, stand for CLIP's names, or for their own indices where `classes` is ImageNet's
 * list. If not all names match, or the ids are others, and there are as many ids as classes, the ids are the classes in
 * ascending order, unless a name that does match contradicts that.
 *
 * @throws AntidoteError (data) for an empty class and for sub-folders that are not classes
 */
export async function listImageFolder(folder: string, classes?: readonly string[]): Promise<Listing> {
  const folders = await subFolders(folder);
  if (folders.length === 0) {
    throw badData(folder, 'no sub-folders', 'one sub-folder of pictures for every class', 'or give a CSV file');
  }
  const imagenet = await imagenetOf(folders);
  const own = folders.map((name) => imagenet?.get(name) ?? spokenName(name));
  // ImageNet's names contain duplicates, which are refused in other lists.
  if (classes === undefined && folders.every(isPart)) throw partsFor(folder, folders);
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

async function subFolders(folder: string): Promise<string[]> {
  const entries = await explainingFile(folder, () => readdir(folder, { withFileTypes: true }));
  const visible = entries.filter((entry) => !entry.name.startsWith('.'));
  const areFolders = await Promise.all(visible.map((entry) => isFolder(folder, entry)));
  const names = visible.filter((_, i) => areFolders[i]).map((entry) => entry.name);
  for (const name of names) await checkName(join(folder, name));
  return names.sort(byCode);
}

/** Node replaces the bytes of a name that are not UTF-8, and then there is no file of that name. */
async function checkName(path: string): Promise<void> {
  if (!path.includes('\ufffd') || (await lstat(path).catch(() => undefined))) return;
  throw badData(path, 'a name that is not UTF-8', 'one that is', 'rename it');
}

/** Whether it is a folder or a link to one. */
async function isFolder(folder: string, entry: Dirent): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  const link = join(folder, entry.name);
  await checkName(link);
  return (await explainingFile(link, () => stat(link))).isDirectory();
}

/** Pictures at any depth. A folder that several links or circular links lead to is read once. */
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
      const isInner = await isFolder(here, entry);
      if (!isInner && !pictureEnds.has(extname(name).toLowerCase())) continue;
      await checkName(join(here, entry.name));
      if (isInner) await look(name);
      else found.push(name);
    }
  }
  await explainingFile(folder, () => look(''));
  return found.sort(byCode).map((name) => join(folder, name));
}

const isWordNetId = (name: string) => /^n\d{8}$/.test(name);

/** WordNet ids to names, ids in the order of the classes. */
type Imagenet = ReadonlyMap<string, string>;

/** ImageNet's classes, if all folders are among them. */
async function imagenetOf(folders: readonly string[]): Promise<Imagenet | undefined> {
  if (!folders.every(isWordNetId)) return undefined;
  const imagenet = await imagenetClasses();
  return folders.every((id) => imagenet.has(id)) ? imagenet : undefined;
}

/**
 * For every sub-folder its index into `classes`, if those are ImageNet's own list. Two pairs of its classes share a name
 * (missile and sunglasses), so only the ids are unique.
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

/** For every sub-folder its index into `classes`, by the spelling of the folder or by its name. */
function matched(
  folder: string,
  folders: readonly string[],
  names: readonly string[],
  classes: readonly string[],
): readonly number[] {
  const indexOf = new Map(classes.map((name, index) => [classKey(name), index]));
  const indices = folders.map((name, i) => indexOf.get(classKey(name)) ?? indexOf.get(classKey(names[i]!)));
  // A list with duplicates, as a part of ImageNet may have, is matched by order too.
  const inDoubt = indexOf.size < classes.length || indices.includes(undefined);
  if (inDoubt && folders.every(isWordNetId) && isInOrder(indices, classes)) return folders.map((_, index) => index);
  const found = new Map<number, string>();
  return folders.map((name, position) => {
    const index = indices[position];
    if (index === undefined) {
      if (folders.every(isPart)) throw partsFor(folder, folders);
      const without = classes.filter((_, label) => !indices.includes(label)).map((one) => `"${one}"`);
      const some = without.length > 3 ? [...without.slice(0, 3), '...'] : without;
      const expected =
        some.length > 0
          ? `one that has no folder yet (${some.join(', ')})`
          : `none beyond the ${classes.length} classes of the list`;
      const known = names[position] === spokenName(name) ? '' : ` ("${names[position]}" in ImageNet)`;
      throw badData(join(folder, name), `a sub-folder that is no class of the list${known}`, expected, nameYourClasses);
    }
    const twin = found.get(index);
    if (twin !== undefined) {
      throw badData(join(folder, name), `a second folder of "${classes[index]}"`, 'one', `"${twin}" is the first`);
    }
    found.set(index, name);
    return index;
  });
}

/** Names of the parts of a data set, which each have a sub-folder for every class. */
const isPart = (name: string) => /^(train|val|valid|validation|test)(ing)?$/i.test(name);

function partsFor(folder: string, parts: readonly string[]): Error {
  const found = `parts of a data set (${parts.join(', ')})`;
  const expected = 'one sub-folder of pictures for every class';
  const training = parts.find((name) => /^train/i.test(name));
  const test = parts.find((name) => /^test/i.test(name)) ?? parts.find((name) => name !== training);
  if (training === undefined) return badData(folder, found, expected, 'give one of them');
  const other = test === undefined ? '' : `, ${join(folder, test)} as the test set`;
  return badData(folder, found, expected, `give ${join(folder, training)}${other}`);
}

/** Whether as many folders as classes may stand for them in their order: every one that is known has its class there. */
function isInOrder(indices: readonly (number | undefined)[], classes: readonly string[]): boolean {
  const isThere = (index: number, position: number) => classKey(classes[index]!) === classKey(classes[position]!);
  return (
    indices.length === classes.length &&
    indices.every((index, position) => index === undefined || isThere(index, position))
  );
}
