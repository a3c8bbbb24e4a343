/** @file Picture sets by name: the built-in emoji, shots of any source, unknown names. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { arePicturesShared, openPictureSet } from './open.ts';
import { config, testFiles } from './picture-files.test-support.ts';

const { root, text, folderOf } = testFiles();

test('data without parts give the same set for shots and for tests', async () => {
  const folder = await folderOf('pool', { 'a/1.png': 10, 'b/1.png': 20 });
  for (const name of [folder, 'emoji:test']) {
    const classes = name === folder ? ['a', 'b'] : ['banana', 'tulip'];
    const pool = await openPictureSet(name, { config, classes, shots: 'all' });
    expect(pool.hash).toBe((await openPictureSet(name, { config, classes })).hash);
  }
});

test('shots and tests share pictures where they are the same part of a data set, by the same artist', async () => {
  const split = await text('parts.json', '{}');
  expect(await arePicturesShared(split, split)).toBe(false);
  expect(await arePicturesShared(split, `${split}:train`)).toBe(true);
  expect(await arePicturesShared(`${split}:test`, split)).toBe(true);
  expect(await arePicturesShared('emoji:test-plain', 'emoji:test')).toBe(true);
  expect(await arePicturesShared('emoji:train:noto', 'emoji:test')).toBe(false);
  expect(await arePicturesShared('emoji:train:noto', 'emoji:train')).toBe(true);
  expect(await arePicturesShared('emoji:train', 'emoji:train:noto')).toBe(true);
  expect(await arePicturesShared('emoji:train:noto', 'emoji:train:noto')).toBe(true);
  expect(await arePicturesShared('emoji:train:noto', 'emoji:train:fluent-emoji')).toBe(false);
  expect(await arePicturesShared('pictures', './pictures/')).toBe(true);
});

test('shots are a set with its own labels, sources and hash', async () => {
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

test('a training set of one design has 28 views of one drawing per class', async () => {
  const classes = ['banana', 'pizza'];
  const all = await openPictureSet('emoji:train', { classes, config });
  const one = await openPictureSet('emoji:train:noto', { classes, config });
  expect(one.labels).toHaveLength(2 * 28);
  expect(new Set(one.sources).size).toBe(2);
  expect(new Set(all.sources).size).toBeGreaterThan(8);
  expect(one.hash).not.toBe(all.hash);
  expect(one.name).toBe('emoji:train:noto');
});

test('a name that is neither a file nor a built-in set is refused with the built-in names', async () => {
  const nowhere = join(root(), 'nowhere');
  await expect(openPictureSet(nowhere, { config })).rejects.toThrow(
    new RegExp(`^${nowhere}: found neither a folder nor a file, expected one, or a built-in set .*emoji:test`),
  );
});

test('a mistake is at the flag that names the set, if one does, else at the name', async () => {
  const split = await text('split.json', '{}');
  const mistakes = [
    [join(root(), 'nowhere'), 'neither a folder nor a file'],
    [`${split}:exam`, 'the part "exam"'],
  ] as const;
  for (const [name, found] of mistakes) {
    await expect(openPictureSet(name, { config })).rejects.toThrow(new RegExp(`^${name}: found ${found}`));
    const flagged = openPictureSet(name, { config, flag: '--test' });
    await expect(flagged).rejects.toThrow(new RegExp(`^--test ${name}: found ${found}`));
  }
  const unknown = openPictureSet('emoji:test', { config, classes: ['banana', 'no such thing'] });
  await expect(unknown).rejects.toThrow(/^class "no such thing": found no emoji of that name/);
});
