/** @file A folder with one sub-folder of pictures for every class, as torchvision's ImageFolder reads it. */
import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { badData } from '../errors.ts';
import { fileProblem } from '../tensor/file-problem.ts';
import { checkedClasses, imagenetClasses } from './classes.ts';
import type { Listing } from './image-files.ts';
import { collectPaths } from './path-list.ts';

/** Names that the decoder may read; other files (notes, thumbnails) are passed over. */
const pictureEnds = new Set(['.jpg', '.jpeg', '.png', '.webp', '.gif', '.tif', '.tiff']);

/**
 * Lists the pictures of a folder, class by class, by path within each.
 *
 * Without `classes` the sub-folders are the classes, by name. With `classes` every sub-folder must name one of them
 * (underscores stand for spaces, case does not matter). ImageNet comes with WordNet ids (`n01440764`): those of its
 * thousand classes stand for the names that CLIP has for them, so a part of ImageNet will do as well. If names do not
 * fit, or ids are others, as many ids as there are classes are the classes in the ids' order.
 *
 * @throws AntidoteError (data) for an empty class and for sub-folders that are not classes
 */
export async function listImageFolder(folder: string, classes?: readonly string[]): Promise<Listing> {
  const folders = await subFolders(folder);
  if (folders.length === 0) {
    throw badData(folder, 'no sub-folders', 'one sub-folder of pictures for every class', 'or give a CSV file');
  }
  const imagenet = await imagenetNames(folders);
  const own = imagenet ?? folders.map(spoken);
  // ImageNet's names are taken as they are, twins and all; any others must be told apart.
  const names = classes ?? (imagenet && imagenet.length > 1 ? imagenet : checkedClasses(folder, own));
  const indices = classes ? matched(folder, folders, own, classes) : folders.map((_, index) => index);
  const labels: number[] = [];
  const order = folders.map((name, i) => ({ name, label: indices[i]! })).sort((a, b) => a.label - b.label);
  const paths = collectPaths();
  for (const { name, label } of order) {
    const own = await picturesIn(join(folder, name));
    if (own.length === 0) {
      throw badData(join(folder, name), 'no pictures', `at least one of ${[...pictureEnds].join(' ')}`);
    }
    for (const path of own) {
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
    const isFolder = await Promise.all(
      visible.map(
        async (entry) => entry.isDirectory() || (entry.isSymbolicLink() && (await leadsToFolder(folder, entry.name))),
      ),
    );
    return visible
      .filter((_, i) => isFolder[i])
      .map((entry) => entry.name)
      .sort(byCode);
  } catch (error) {
    throw fileProblem(folder, error);
  }
}

async function leadsToFolder(folder: string, name: string): Promise<boolean> {
  const link = join(folder, name);
  try {
    return (await stat(link)).isDirectory();
  } catch (error) {
    throw fileProblem(link, error);
  }
}

async function picturesIn(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder, { recursive: true });
    return names
      .filter((name) => pictureEnds.has(extname(name).toLowerCase()) && !/(^|[\\/])\./.test(name))
      .sort(byCode)
      .map((name) => join(folder, name));
  } catch (error) {
    throw fileProblem(folder, error);
  }
}

const isWordNetId = (name: string) => /^n\d{8}$/.test(name);

/** CLIP's names for folders that are all classes of ImageNet; undefined if any is not. */
async function imagenetNames(folders: readonly string[]): Promise<readonly string[] | undefined> {
  if (!folders.every(isWordNetId)) return undefined;
  const names = await imagenetClasses();
  const found = folders.map((id) => names.get(id));
  return found.every((name) => name !== undefined) ? found : undefined;
}

/** For every sub-folder its index into `classes`. */
function matched(
  folder: string,
  folders: readonly string[],
  names: readonly string[],
  classes: readonly string[],
): number[] {
  const indexOf = new Map(classes.map((name, index) => [name.toLowerCase(), index]));
  // Two pairs of ImageNet's classes share a name, so all of them together go by order.
  const byOrder = folders.every(isWordNetId) && folders.length === classes.length;
  if (byOrder && (indexOf.size < classes.length || names.some((name) => !indexOf.has(name.toLowerCase()))))
    return folders.map((_, index) => index);
  const found = new Map<number, string>();
  return folders.map((name, position) => {
    const index = indexOf.get(names[position]!.toLowerCase());
    if (index === undefined) {
      const count = `${folders.length} sub-folders against ${classes.length} classes`;
      throw badData(join(folder, name), 'a sub-folder that is no class', 'names of the class list', count);
    }
    const twin = found.get(index);
    if (twin !== undefined) {
      throw badData(join(folder, name), `a second folder of "${classes[index]}"`, 'one', `"${twin}" is the first`);
    }
    found.set(index, name);
    return index;
  });
}
