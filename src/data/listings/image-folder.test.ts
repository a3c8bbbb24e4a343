/** @file Folders of class folders: classes and order, links, names spelt otherwise, WordNet ids, refusals. */
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openClasses } from '../classes.ts';
import { openPictureSet } from '../open.ts';
import { config, levels, testFiles } from '../picture-files.test-support.ts';
import { listImageFolder } from './image-folder.ts';

const { root, picture, text, folderOf } = testFiles();

test('a folder of folders is read class by class, in the order of the class list', async () => {
  const folder = await folderOf('plain', { 'red_apple/b.png': 20, 'red_apple/a.png': 10, 'Banana/x.png': 30 });
  await writeFile(join(folder, 'Banana', 'notes.txt'), 'not a picture');
  await picture(join(folder, 'Banana', '.hidden.png'), 99);
  const set = await openPictureSet(folder, { config, classes: ['banana', 'red apple', 'pear'] });
  expect([...set.labels]).toEqual([0, 1, 1]);
  expect(await levels(set)).toEqual([30, 10, 20]);
  expect(set.size).toBe(8);
  const own = await openPictureSet(folder, { config });
  expect(own.classes).toEqual(['Banana', 'red apple']);
  expect(own.hash).not.toBe(set.hash);
});

test('a class list may spell classes as the folders do: `ls data > classes.txt`', async () => {
  const folder = await folderOf('listed', { 'red_apple/1.png': 10, 'Banana/1.png': 20, 'pear__tree/1.png': 30 });
  const { names: classes } = await openClasses(await text('listed.txt', 'Banana\npear__tree\nred_apple\n'));
  const set = await openPictureSet(folder, { config, classes });
  expect(set.classes).toEqual(['Banana', 'pear__tree', 'red_apple']);
  expect(await levels(set)).toEqual([20, 30, 10]);
  const table = await text('listed.csv', 'image,label\nlisted/red_apple/1.png,Red Apple\nlisted/Banana/1.png,banana\n');
  expect([...(await openPictureSet(table, { config, classes })).labels]).toEqual([2, 0]);
});

test.each([
  [['train', 'val'], 'give ROOT/train, ROOT/val as the test set'],
  [['test', 'train'], 'give ROOT/train, ROOT/test as the test set'],
  [['Testing', 'Training', 'Validation'], 'give ROOT/Training, ROOT/Testing as the test set'],
  [['train'], 'give ROOT/train'],
  [['test', 'val'], 'give one of them'],
])('the root of a data set with the parts %j is refused with the folders to give', async (parts, advice) => {
  const root = await folderOf(parts.join('-'), Object.fromEntries(parts.map((part) => [`${part}/cat/1.png`, 1])));
  for (const classes of [undefined, ['cat', 'dog']]) {
    await expect(listImageFolder(root, classes)).rejects.toThrow(
      `${root}: found parts of a data set (${parts.join(', ')}), expected one sub-folder of pictures for every class; ${advice.replaceAll('ROOT', root)}`,
    );
  }
  expect((await listImageFolder(root, parts)).labels).toEqual(Int32Array.from(parts, (_, label) => label));
});

test('JPEG pictures are found under all of their usual ends', async () => {
  const folder = await folderOf('ends', {
    'a/0.jpg': 10,
    'a/1.JPEG': 20,
    'a/2.jpe': 30,
    'a/3.jfif': 40,
    'b/1.png': 50,
  });
  expect(await levels(await openPictureSet(folder, { config }))).toEqual([10, 20, 30, 40, 50]);
});

test('a sub-folder may be a link', async () => {
  const folder = await folderOf('linked', { 'a/1.png': 10, 'b/1.png': 20 });
  await symlink(join(folder, 'b'), join(folder, 'c'));
  expect((await openPictureSet(folder, { config })).classes).toEqual(['a', 'b', 'c']);
});

test('a folder with circular links is read once', async () => {
  const folder = await folderOf('circle', { 'a/1.png': 10, 'a/inner/2.png': 20, 'b/3.png': 30 });
  for (const name of ['again', 'and again']) await symlink(join(folder, 'a'), join(folder, 'a', name));
  const set = await openPictureSet(folder, { config });
  expect(await levels(set)).toEqual([10, 20, 30]);
});

test('a folder name in decomposed Unicode, as macOS writes it, matches the composed class name', async () => {
  const folder = await folderOf('accents', { 'cafe\u0301/1.png': 10, 'pear/1.png': 20 });
  const set = await openPictureSet(folder, { config, classes: ['pear', 'caf\u00e9'] });
  expect(await levels(set)).toEqual([20, 10]);
});

test('a broken link is refused with its path', async () => {
  const folder = await folderOf('dangling', { 'a/1.png': 10 });
  await symlink(join(folder, 'gone'), join(folder, 'b'));
  await expect(openPictureSet(folder, { config })).rejects.toThrow(/dangling\/b: found no such file or folder/);
});

test('a name that is not UTF-8 is refused as such, be it of a folder or of a picture', async (context) => {
  if (process.platform !== 'linux') return context.skip('needs a file system that takes any bytes');
  const latin = (...parts: string[]) => Buffer.from(join(root(), ...parts), 'latin1');
  const refusal = /caf\ufffd(\.png)?: found a name that is not UTF-8, expected one that is; rename it$/;
  await folderOf('latin', { 'cat/1.png': 10 });
  await mkdir(latin('latin', 'caf\u00e9'));
  const classes = ['cat', 'caf\u00e9'];
  await expect(openPictureSet(join(root(), 'latin'), { config, classes })).rejects.toThrow(refusal);
  await folderOf('latin-file', { 'cat/1.png': 10, 'dog/1.png': 20, 'dog/\ufffd.png': 30 });
  expect((await openPictureSet(join(root(), 'latin-file'), { config })).labels).toHaveLength(3);
  await writeFile(latin('latin-file', 'dog', 'caf\u00e9.txt'), 'not a picture');
  expect((await openPictureSet(join(root(), 'latin-file'), { config })).labels).toHaveLength(3);
  await writeFile(latin('latin-file', 'dog', 'caf\u00e9.png'), '');
  await expect(openPictureSet(join(root(), 'latin-file'), { config })).rejects.toThrow(refusal);
});

test('folders named by WordNet ids are the classes in the order of the ids, as in ImageNet', async () => {
  const folder = await folderOf('wordnet', { 'n00000002/1.png': 20, 'n00000001/1.png': 10 });
  const set = await openPictureSet(folder, { config, classes: ['tench', 'goldfish'] });
  expect(await levels(set)).toEqual([10, 20]);
});

test("WordNet ids of ImageNet become CLIP's class names, for a part of ImageNet too", async () => {
  const folder = await folderOf('imagenet', { 'n07753592/1.png': 20, 'n01440764/1.png': 10 });
  expect((await openPictureSet(folder, { config })).classes).toEqual(['tench', 'banana']);
  const named = await openPictureSet(folder, { config, classes: ['banana', 'goldfish', 'tench'] });
  expect([...named.labels]).toEqual([0, 2]);
  expect(await levels(named)).toEqual([20, 10]);
  const swapped = await openPictureSet(folder, { config, classes: ['banana', 'tench'] });
  expect(await levels(swapped)).toEqual([20, 10]);
  const translated = await openPictureSet(folder, { config, classes: ['Schleie', 'Banane'] });
  expect(await levels(translated)).toEqual([10, 20]);
  const spelt = await openPictureSet(folder, { config, classes: ['n07753592', 'n01440764'] });
  expect(await levels(spelt)).toEqual([20, 10]);
});

test('WordNet ids stand for the classes by order only where no known name contradicts it', async () => {
  const files = { 'n01440764/1.png': 10, 'n02102040/1.png': 20, 'n03000684/1.png': 30 };
  const folder = await folderOf('imagenette', files);
  const inOrder = await openPictureSet(folder, { config, classes: ['tench', 'English springer', 'chain saw'] });
  expect(await levels(inOrder)).toEqual([10, 20, 30]);
  const alphabetical = openPictureSet(folder, { config, classes: ['chain saw', 'English springer', 'tench'] });
  await expect(alphabetical).rejects.toThrow(
    /n02102040: found a sub-folder that is no class of the list \("English Springer Spaniel" in ImageNet\), expected one that has no folder yet/,
  );
});

test('a part of ImageNet that has both classes named missile is read by order, unless a known name contradicts it', async () => {
  const folder = await folderOf('missiles', { 'n01440764/1.png': 10, 'n03773504/1.png': 20, 'n04008634/1.png': 30 });
  const inOrder = await openPictureSet(folder, { config, classes: ['tench', 'missile', 'missile'] });
  expect(await levels(inOrder)).toEqual([10, 20, 30]);
  const turned = openPictureSet(folder, { config, classes: ['missile', 'missile', 'tench'] });
  await expect(turned).rejects.toThrow(/n04008634: found a second folder of "missile"/);
});

test("ids tell ImageNet's two classes named missile and two named sunglasses apart", async () => {
  const { names: classes } = await openClasses('imagenet');
  const files = { 'n04356056/1.png': 30, 'n04008634/1.png': 20, 'n03773504/1.png': 10 };
  const set = await openPictureSet(await folderOf('twins-of-imagenet', files), { config, classes });
  expect([...set.labels]).toEqual([657, 744, 837]);
  expect(await levels(set)).toEqual([10, 20, 30]);
});

test.each([
  ['a folder without sub-folders', 'empty', undefined, /no sub-folders/],
  [
    'a class without pictures',
    'hollow',
    undefined,
    /hollow\/b: found no pictures, expected at least one of \.jpg \.jpeg \.jpe \.jfif \.png \.webp \.gif$/,
  ],
  [
    'a sub-folder that is no class',
    'plain-2',
    ['banana', 'pear'],
    /cherry: found a sub-folder that is no class of the list, expected one that has no folder yet \(.*\); --classes FILE names/,
  ],
  ['two sub-folders of one class', 'twins', ['red apple', 'pear'], /a second folder of "red apple"/],
  ['a single class', 'lonely', undefined, /one class \("a"\), expected at least two/],
] as const)('%s is refused with its path', async (_what, name, classes, message) => {
  await mkdir(join(root(), 'empty'), { recursive: true });
  await folderOf('hollow', { 'a/1.png': 1 });
  await mkdir(join(root(), 'hollow', 'b'), { recursive: true });
  await folderOf('plain-2', { 'banana/1.png': 1, 'cherry/1.png': 1 });
  await folderOf('twins', { 'red apple/1.png': 1, 'Red_Apple/1.png': 1 });
  await folderOf('lonely', { 'a/1.png': 1 });
  await expect(openPictureSet(join(root(), name), { config, ...(classes && { classes }) })).rejects.toThrow(message);
});
