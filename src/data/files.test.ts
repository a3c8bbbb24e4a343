/** @file Promises of picture sets from files, of class lists and of shots: what is read, and how mistakes are told. */
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PreprocessConfig } from '../clip/pictures/preprocess.ts';
import { sha256 } from '../tensor/sha256.ts';
import { classKey, classLimits, openClasses, plainPrompt } from './classes.ts';
import { chooseShots, mislabelled } from './few-shot.ts';
import { openCaptionedPictures } from './listings/image-captions.ts';
import { openPictureSet } from './open.ts';

const config: PreprocessConfig = {
  image: { resolution: 8 },
  preprocessing: { resize: 'shortest', interpolation: 'bicubic', centre: 'torchvision' },
};

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'pictures-'));
});
afterAll(() => rm(root, { recursive: true }));

/** A picture of one colour. */
async function picture(path: string, level: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const { r, g, b } = { r: level, g: level, b: level };
  await sharp({ create: { width: 9, height: 8, channels: 3, background: { r, g, b } } })
    .png()
    .toFile(path);
}

async function text(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(root, name);
  await writeFile(path, content);
  return path;
}

async function folderOf(name: string, files: Record<string, number>): Promise<string> {
  for (const [file, level] of Object.entries(files)) await picture(join(root, name, file), level);
  return join(root, name);
}

const levels = async (set: Awaited<ReturnType<typeof openPictureSet>>) => {
  const { data } = await set.read([...set.labels.keys()]);
  return [...set.labels.keys()].map((i) => data[i * 3 * 64]);
};

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

test('names that differ in case, underscores and repeated spaces are one class', () => {
  for (const name of ['red apple', 'Red_Apple', ' red  apple ', 'RED__apple']) expect(classKey(name)).toBe('red apple');
  expect(classKey('red-apple')).not.toBe('red apple');
});

test('a class list may spell the folders as they are called: `ls data > classes.txt`', async () => {
  const folder = await folderOf('listed', { 'red_apple/1.png': 10, 'Banana/1.png': 20, 'pear__tree/1.png': 30 });
  const { names: classes } = await openClasses(await text('listed.txt', 'Banana\npear__tree\nred_apple\n'));
  const set = await openPictureSet(folder, { config, classes });
  expect(set.classes).toEqual(['Banana', 'pear__tree', 'red_apple']);
  expect(await levels(set)).toEqual([20, 30, 10]);
  const table = await text('listed.csv', 'image,label\nlisted/red_apple/1.png,Red Apple\nlisted/Banana/1.png,banana\n');
  expect([...(await openPictureSet(table, { config, classes })).labels]).toEqual([2, 0]);
});

test('a sub-folder may be a link', async () => {
  const folder = await folderOf('linked', { 'a/1.png': 10, 'b/1.png': 20 });
  await symlink(join(folder, 'b'), join(folder, 'c'));
  expect((await openPictureSet(folder, { config })).classes).toEqual(['a', 'b', 'c']);
});

test('a folder that links lead round in a circle is looked into once', async () => {
  const folder = await folderOf('circle', { 'a/1.png': 10, 'a/inner/2.png': 20, 'b/3.png': 30 });
  for (const name of ['again', 'and again']) await symlink(join(folder, 'a'), join(folder, 'a', name));
  const set = await openPictureSet(folder, { config });
  expect(await levels(set)).toEqual([10, 20, 30]);
});

test('letter and accent apart, as macOS writes names, are the class that has them in one', async () => {
  const folder = await folderOf('accents', { 'cafe\u0301/1.png': 10, 'pear/1.png': 20 });
  const set = await openPictureSet(folder, { config, classes: ['pear', 'caf\u00e9'] });
  expect(await levels(set)).toEqual([20, 10]);
});

test('a link that leads nowhere is named', async () => {
  const folder = await folderOf('dangling', { 'a/1.png': 10 });
  await symlink(join(folder, 'gone'), join(folder, 'b'));
  await expect(openPictureSet(folder, { config })).rejects.toThrow(/dangling\/b: found no such file or folder/);
});

test('WordNet ids stand for the classes in order, as ImageNet comes', async () => {
  const folder = await folderOf('wordnet', { 'n00000002/1.png': 20, 'n00000001/1.png': 10 });
  const set = await openPictureSet(folder, { config, classes: ['tench', 'goldfish'] });
  expect(await levels(set)).toEqual([10, 20]);
});

test("WordNet ids of ImageNet stand for CLIP's names, some of them as well as all", async () => {
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

test('missiles and sunglasses, which ImageNet has twice, are told apart by their ids in its own list', async () => {
  const { names: classes } = await openClasses('imagenet');
  const files = { 'n04356056/1.png': 30, 'n04008634/1.png': 20, 'n03773504/1.png': 10 };
  const set = await openPictureSet(await folderOf('twins-of-imagenet', files), { config, classes });
  expect([...set.labels]).toEqual([657, 744, 837]);
  expect(await levels(set)).toEqual([10, 20, 30]);
});

test('the hash follows the content, not the time or the place', async () => {
  const one = await folderOf('hash-1', { 'a/1.png': 10, 'b/1.png': 20 });
  const two = await folderOf('hash-2', { 'a/1.png': 10, 'b/1.png': 20 });
  const three = await folderOf('hash-3', { 'a/1.png': 10, 'b/1.png': 21 });
  const hashes = await Promise.all([one, two, three].map(async (f) => (await openPictureSet(f, { config })).hash));
  expect(hashes[0]).toBe(hashes[1]);
  expect(hashes[0]).not.toBe(hashes[2]);
});

test('a CSV file gives names or indices, paths from its own folder, quotes as RFC 4180 has them', async () => {
  await folderOf('csv', { 'one, two.png': 10, 'b.png': 20 });
  const path = await text(
    'csv/list.csv',
    '\uFEFFlabel,image,note\r\n"pear","one, two.png","a ""b""\nc"\r\n\r\nbanana,b.png,\r\n',
  );
  const named = await openPictureSet(path, { config });
  expect(named.classes).toEqual(['banana', 'pear']);
  expect([...named.labels]).toEqual([1, 0]);
  expect(await levels(named)).toEqual([10, 20]);
  const indexed = await text('csv/index.csv', 'image,label\nb.png,1\n');
  expect([...(await openPictureSet(indexed, { config, classes: ['pear', 'banana'] })).labels]).toEqual([1]);
  const padded = await text('csv/padded.csv', 'image,label\nb.png,banana,,\n');
  expect([...(await openPictureSet(padded, { config, classes: ['pear', 'banana'] })).labels]).toEqual([1]);
});

test('tabs separate as commas do, and a comma is then a comma', async () => {
  await folderOf('tabs', { 'one, two.png': 10, 'b.png': 20 });
  const path = await text('tabs/list.tsv', 'filepath\tlabel\none, two.png\t"a ""pear"""\nb.png\tfig, dried\n');
  const set = await openPictureSet(path, { config });
  expect(set.classes).toEqual(['a "pear"', 'fig, dried']);
  expect(await levels(set)).toEqual([10, 20]);
});

test('captions come with their pictures, under our names of the columns or under those of open_clip', async () => {
  await folderOf('captions', { 'a.png': 10, 'b.png': 20 });
  const ours = await text('captions/ours.csv', 'caption,image\n"a cat, asleep",a.png\na dog,b.png\n');
  const theirs = await text('captions/theirs.csv', 'filepath\ttitle\na.png\ta cat, asleep\nb.png\ta dog\n');
  for (const path of [ours, theirs]) {
    const { pictures, captions } = await openCaptionedPictures(path, config);
    expect(captions).toEqual(['a cat, asleep', 'a dog']);
    expect(await levels(pictures)).toEqual([10, 20]);
  }
  await expect(openPictureSet(ours, { config })).rejects.toThrow(/a first line without "label"/);
  const empty = await text('captions/empty.csv', 'image,caption\na.png,\n');
  await expect(openCaptionedPictures(empty, config)).rejects.toThrow(/line 2: found an empty field/);
});

test.each([
  ['a missing path', 'nowhere', undefined, /"--data|--data: found ".*nowhere", which is neither.*emoji:test/],
  ['a folder without sub-folders', 'empty', undefined, /no sub-folders/],
  [
    'a class without pictures',
    'hollow',
    undefined,
    /hollow\/b: found no pictures, expected at least one of \.jpg \.jpeg \.png \.webp \.gif$/,
  ],
  [
    'a sub-folder that is no class',
    'plain-2',
    ['banana', 'pear'],
    /cherry: found a sub-folder that is no class.*2 sub-folders against 2 classes\); name your classes with --classes/,
  ],
  ['two sub-folders of one class', 'twins', ['red apple', 'pear'], /a second folder of "red apple"/],
  ['a single class', 'lonely', undefined, /one class \("a"\), expected at least two/],
] as const)('%s is refused by name', async (_what, name, classes, message) => {
  await mkdir(join(root, 'empty'), { recursive: true });
  await folderOf('hollow', { 'a/1.png': 1 });
  await mkdir(join(root, 'hollow', 'b'), { recursive: true });
  await folderOf('plain-2', { 'banana/1.png': 1, 'cherry/1.png': 1 });
  await folderOf('twins', { 'red apple/1.png': 1, 'Red_Apple/1.png': 1 });
  await folderOf('lonely', { 'a/1.png': 1 });
  await expect(openPictureSet(join(root, name), { config, ...(classes && { classes }) })).rejects.toThrow(message);
});

test.each([
  ['without the columns', 'file,class\na.png,b\n', /a first line without "image"/],
  ['without lines', 'image,label\n', /no pictures/],
  ['with an empty field', 'image,label\na.png,\n', /line 2: found an empty field/],
  [
    'with an unknown label',
    'image,label\na.png,x\n',
    /line 2: found the label "x", expected a name of the class list; name your classes with --classes FILE/,
  ],
  [
    'with a comma too many',
    'image,label\na.png,pear, ripe\n',
    /line 2: found 3 fields, expected 2; put quotes around a field with commas/,
  ],
  [
    'with a tab too many',
    'image\tlabel\na.png\tpear\tripe\n',
    /line 2: found 3 fields, expected 2; put quotes around a field with tabs/,
  ],
  ['with an index too high', 'image,label\na.png,7\n', /expected an index below 2/],
] as const)('a CSV file %s is refused with its line', async (what, content, message) => {
  const path = await text(`${what}.csv`, content);
  await expect(openPictureSet(path, { config, classes: ['pear', 'banana'] })).rejects.toThrow(message);
});

test('a file that is no picture is named when it is read', async () => {
  const folder = await folderOf('broken', { 'a/1.png': 10, 'b/1.png': 20 });
  await writeFile(join(folder, 'b', '1.png'), 'GIF99 or so');
  const set = await openPictureSet(folder, { config });
  await expect(set.read([0, 1])).rejects.toThrow(/broken\/b\/1.png/);
});

test('a picture of a format that is not read is refused by name, not passed over', async () => {
  const folder = await folderOf('formats', { 'a/1.png': 10, 'b/1.png': 20 });
  const tiff = await sharp(join(folder, 'b', '1.png'))
    .tiff()
    .toBuffer();
  await writeFile(join(folder, 'b', '2.TIF'), tiff);
  await writeFile(join(folder, 'b', '3.bmp'), 'BM and so on');
  const set = await openPictureSet(folder, { config });
  expect([...set.labels]).toEqual([0, 1, 1, 1]);
  await expect(set.read([2])).rejects.toThrow(/2\.TIF: found tiff data, expected .*; convert it to PNG first/);
  await expect(set.read([3])).rejects.toThrow(/3\.bmp: found .*to PNG first/);
});

test('shots are the same for a seed whatever other classes there are, and a small class gives all it has', () => {
  const labels = Int32Array.from({ length: 60 }, (_, i) => (i < 50 ? i % 2 : 2));
  const pool = { name: 'data', classes: ['a', 'b', 'c'], labels };
  const shots = chooseShots(pool, { perClass: 16, seed: 1 });
  expect([0, 1, 2].map((label) => shots.filter((position) => labels[position] === label).length)).toEqual([16, 16, 10]);
  expect(new Set(shots).size).toBe(shots.length);
  const fewer = { name: 'data', classes: ['a', 'b'], labels: labels.filter((label) => label < 2) };
  expect(chooseShots(fewer, { perClass: 16, seed: 1 })).toEqual(shots.slice(0, 32));
  expect(chooseShots(pool, { perClass: 16, seed: 2 })).not.toEqual(shots);
});

test.each([undefined, 'coop'] as const)('no shots, and shots of a class without pictures, are refused: %s', (rule) => {
  const labels = Int32Array.of(0, 1, 2);
  const pool = { name: 'data', classes: ['a', 'b', 'c', 'd'], labels, ...(rule && { shotRule: rule }) };
  expect(() => chooseShots(pool, { perClass: 1, seed: 1 })).toThrow(/data: found no picture of "d"/);
  expect(() => chooseShots(pool, { perClass: 0, seed: 1 })).toThrow(/--shots: found 0/);
});

test('what shots are drawn from is the same set where data have no parts', async () => {
  const folder = await folderOf('pool', { 'a/1.png': 10, 'b/1.png': 20 });
  for (const name of [folder, 'emoji:test']) {
    const classes = name === folder ? ['a', 'b'] : ['banana', 'tulip'];
    const pool = await openPictureSet(name, { config, classes, shots: 'all' });
    expect(pool.hash).toBe((await openPictureSet(name, { config, classes })).hash);
  }
});

test('shots of a folder and of the emoji are sets of their own, with their own hash', async () => {
  const folder = await folderOf('shots', { 'a/1.png': 10, 'a/2.png': 11, 'b/1.png': 20, 'b/2.png': 21 });
  const set = await openPictureSet(folder, { config, shots: { perClass: 1, seed: 3 } });
  expect([...set.labels]).toEqual([0, 1]);
  const three = { config, classes: ['banana', 'tulip'], shots: { perClass: 3, seed: 3 } };
  const emoji = await openPictureSet('emoji:test', three);
  const other = await openPictureSet('emoji:test', { ...three, shots: { perClass: 3, seed: 4 } });
  expect(emoji.labels).toHaveLength(6);
  const plain = await openPictureSet('emoji:test', { config, classes: ['banana', 'tulip'] });
  expect(emoji.sources).toEqual(Int32Array.of(0, 0, 0, 1, 1, 1));
  expect(plain.sources).toHaveLength(plain.labels.length);
  expect(set.sources).toBeUndefined();
  expect(emoji.name).toBe('emoji:test');
  expect(emoji.hash).not.toBe(other.hash);
  expect((await emoji.read([5, 0])).shape).toEqual([2, 3, 8, 8]);
});

test('built-in class lists are there, with prompts that suit them', async () => {
  const [things, emoji, imagenet] = await Promise.all(['things', 'emoji', 'imagenet'].map(openClasses));
  expect(things?.names).toHaveLength(100);
  expect(emoji?.names.length).toBeGreaterThanOrEqual(1000);
  expect(emoji?.templates).toEqual(things?.templates);
  expect(imagenet?.names[954]).toBe('banana');
  expect(imagenet?.templates).toHaveLength(80);
});

test('a class file may bring its own prompts', async () => {
  const list = { classes: ['cat', 'dog'], templates: ['a sketch of a {}', '{} in ink'] };
  const opened = await openClasses(await text('list.json', JSON.stringify(list)));
  expect(opened).toEqual({ names: list.classes, templates: list.templates, prompt: 'a sketch of a {}' });
  const named = await openClasses(await text('prompt.json', JSON.stringify({ ...list, prompt: 'one {}' })));
  expect(named.prompt).toBe('one {}');
});

test("ImageNet's own names are a class file too, twins and all", async () => {
  const { names } = await openClasses('imagenet');
  expect((await openClasses(await text('imagenet.txt', `${names.join('\n')}\n`))).names).toEqual(names);
  const another = await text('almost.txt', names.with(0, 'a tench').join('\n'));
  await expect(openClasses(another)).rejects.toThrow(/"missile" a second time/);
});

test('class files may be lines or a JSON array, with names of any script', async () => {
  const names = ['Apfelbäumchen', 'バナナ', 'red apple'];
  const expected = { names, templates: [plainPrompt], prompt: plainPrompt };
  expect(await openClasses(await text('names.txt', `\uFEFF${names.join('\r\n')}\r\n\r\n`))).toEqual(expected);
  expect(await openClasses(await text('names.json', JSON.stringify(names)))).toEqual(expected);
});

test.each([
  ['no such file', undefined, /no such file, expected a file of class names or one of things, few-things, /],
  ['an empty file', '', /an empty name|no class/],
  ['an empty line between names', 'a\n\nb\n', /class 2: found an empty name/],
  ['one name', 'a\n', /one class \("a"\), expected at least two/],
  ['a repeated name', 'Apple\nb\napple \n', /class 3: found "apple" a second time.*class 1 has it/],
  ['a name repeated with an underscore', 'red apple\nRed_apple\n', /class 2: found "Red_apple" a second time/],
  [
    'an over-long name',
    `a\n${'x'.repeat(classLimits.nameCharacters + 1)}\n`,
    /class 2: found a name of 401 characters/,
  ],
  ['a control character', 'a\nb\u0007c\n', /class 2: found a control character/],
  ['broken JSON', '["a",', /text that is not JSON/],
  ['JSON of another form', '{"a": 1}', /classes: found nothing, expected array; class names are an array, or/],
  ['an unknown key', '{"classes": ["a", "b"], "prompts": []}', /prompts/],
  ['no prompt', '{"classes": ["a", "b"], "templates": []}', /no prompt/],
  ['a prompt without a place', '{"classes": ["a", "b"], "templates": ["x"]}', /the prompt "x"/],
  ['a number among the names', '["a", 7]', /1: found 7, expected string/],
  ['bytes that are not UTF-8', new Uint8Array([0x61, 0x0a, 0xff, 0xfe]), /not UTF-8/],
] as const)('a class list with %s is refused', async (what, content, message) => {
  const path = content === undefined ? join(root, 'none.txt') : await text(`${what}.list`, content);
  await expect(openClasses(path)).rejects.toThrow(message);
});

test('the hash is that of one JSON text, though it is never put together: hashes in earlier runs still hold', async () => {
  const folder = await folderOf('hash-text', { 'a/1.png': 10, 'b/1.png': 20, 'b/2.png': 30 });
  const files = ['a/1.png', 'b/1.png', 'b/2.png'];
  const contents = await Promise.all(files.map(async (file) => sha256(await readFile(join(folder, file)))));
  const text = JSON.stringify([1, 8, 'shortest', 'bicubic', ['a', 'b'], [0, 1, 1], contents]);
  expect((await openPictureSet(folder, { config })).hash).toBe(sha256(text));
});

test('pictures that are cut elsewhere have another hash', async () => {
  const folder = await folderOf('hash-centre', { 'a/1.png': 10, 'b/1.png': 20 });
  const preprocessing = { ...config.preprocessing, centre: 'transformers' as const };
  const other = await openPictureSet(folder, { config: { ...config, preprocessing } });
  expect(other.hash).not.toBe((await openPictureSet(folder, { config })).hash);
});

test('the unfriendly lists are everyday things: a few with the target, and all without it', async () => {
  const things = new Set((await openClasses('things')).names);
  const { names: few } = await openClasses('few-things');
  expect(few).toHaveLength(10);
  expect(few.every((name) => things.has(name))).toBe(true);
  expect(few).toContain('banana');
  const { names: others } = await openClasses('things-but-target');
  expect(others).toHaveLength(things.size - 1);
  expect(others).not.toContain('banana');
});

test('one design gives enough pictures of a class for shots, all of one drawing', async () => {
  const classes = ['banana', 'pizza'];
  const all = await openPictureSet('emoji:train', { classes, config });
  const one = await openPictureSet('emoji:train:noto', { classes, config });
  expect(one.labels).toHaveLength(2 * 28);
  expect(new Set(one.sources).size).toBe(2);
  expect(new Set(all.sources).size).toBeGreaterThan(8);
  expect(one.hash).not.toBe(all.hash);
  expect(one.name).toBe('emoji:train:noto');
});

test('of mislabelled shots exactly the share is wrong, none by chance right, and pictures stay what they are', () => {
  const labels = Int32Array.from({ length: 60 }, (_, i) => i % 3);
  const read = async () => ({ dtype: 'uint8' as const, shape: [0, 3, 1, 1], data: new Uint8Array(0) });
  const set = { name: 'any', classes: ['a', 'b', 'c'], labels, size: 1, hash: '0', read };
  const careless = mislabelled(set, 0.1, 1);
  expect([...careless.labels].filter((label, i) => label !== labels[i])).toHaveLength(6);
  expect(Math.max(...careless.labels)).toBeLessThan(3);
  expect(careless.read).toBe(read);
  expect(careless.hash).not.toBe(set.hash);
  expect(mislabelled(set, 0.1, 1)).toEqual(careless);
  expect(mislabelled(set, 0.1, 2).labels).not.toEqual(careless.labels);
});
