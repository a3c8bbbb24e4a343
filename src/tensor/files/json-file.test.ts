/** @file Text and JSON from outside: bounded in size, and refused by file and key. */
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { checkedJson, parseJson, readJson, readJsonIfThere, writeJson } from './json-file.ts';
import { listOf, recordOf } from './json-lists.ts';
import { temporaryFolder } from './temporary-folder.test-support.ts';
import { readSmallText, readSmallTextIfThere } from './text-file.ts';

const folder = temporaryFolder();

async function file(content: string | Uint8Array): Promise<string> {
  const path = join(folder(), `${Math.random()}.json`);
  await writeFile(path, content);
  return path;
}

const side = z.int().min(1);
const schema = z.strictObject({
  name: z.string(),
  size: z.union([side, z.strictObject({ height: side, width: side })]).optional(),
  kind: z.discriminatedUnion('is', [z.object({ is: z.literal('a') }), z.object({ is: z.literal('b') })]).optional(),
});

test('a fitting value is returned, with or without a byte order mark', async () => {
  expect(await readJson(await file('{"name": "a", "size": 3}'), schema)).toEqual({ name: 'a', size: 3 });
  expect(await readJson(await file('\uFEFF{"name": "b"}'), schema)).toEqual({ name: 'b' });
});

test.each([
  ['a value of another type', { name: 7 }, 'f: name: found 7, expected string'],
  ['a missing value', {}, 'f: name: found nothing, expected string'],
  ['null', { name: null }, 'f: name: found nothing, expected string'],
  ['another document altogether', [1], 'f: found a list of 1 item, expected object'],
  ['a key too many', { name: '', sise: 3 }, 'f: sise: found 3, expected no such key'],
  ['a number out of its range', { name: '', size: 0 }, 'f: size: found 0, expected number to be >=1'],
  ['neither of two forms', { name: '', size: 'x' }, 'f: size: found "x", expected number, or object'],
  [
    'the better of two forms',
    { name: '', size: { height: 1, width: 'x' } },
    'f: size.width: found "x", expected number',
  ],
  ['another kind', { name: '', kind: { is: 'c' } }, `f: kind.is: found "c", expected 'a' | 'b'`],
  ['a list', { name: ['x', 'y'] }, 'f: name: found a list of 2 items, expected string'],
  ['an object', { name: { a: 1 } }, 'f: name: found an object with 1 key, expected string'],
  ['a long text', { name: '', kind: 'x'.repeat(200) }, `f: kind: found "${'x'.repeat(79)}..., expected object`],
])('%s is refused by key, with the found and the expected value', (_, json, message) => {
  expect(() => checkedJson('f', json, schema)).toThrow(expect.objectContaining({ fault: 'data', message }));
});

test('a deeply nested value is refused like any other', () => {
  const depth = 100_000;
  const deep = `{"name": ${'['.repeat(depth)}${']'.repeat(depth)}}`;
  expect(() => parseJson('f', deep, schema)).toThrow('f: name: found a list of 1 item, expected string');
});

test.each([
  ['a list', `[${'0,'.repeat(999_999)}0]`, '', 'f: 0: found 0, expected string'],
  ['a record', `{${Array.from({ length: 100_000 }, (_, i) => `"${i}":0`)}}`, {}, 'f: 0: found 0, expected string'],
])('only the first mistake of %s that is wrong throughout is kept', (_, text, form, message) => {
  const long: z.ZodType = form === '' ? listOf(z.string()) : recordOf(z.string());
  const { error } = long.safeParse(JSON.parse(text));
  expect(error?.issues).toHaveLength(1);
  expect(() => parseJson('f', text, long)).toThrow(message);
});

test('mistakes in lists and records are named by their place, at any depth', () => {
  const table = z.object({ of: recordOf(listOf(z.union([z.string(), z.tuple([side, side])]))) });
  const good = { of: { a: ['x', [1, 2]], b: [] } };
  expect(checkedJson('f', good, table)).toEqual(good);
  const tell = (of: unknown) => () => checkedJson('f', { of }, table);
  expect(tell({ a: ['x'], b: ['x', [1, 'y']] })).toThrow('f: of.b.1.1: found "y", expected number');
  expect(tell({ a: 7 })).toThrow('f: of.a: found 7, expected array');
  expect(tell(undefined)).toThrow('f: of: found nothing, expected record');
  expect(tell([])).toThrow('f: of: found an empty list, expected record');
});

test('the place within a file and advice are part of the error', () => {
  const place = { within: ['vision', 'patch'], advice: 'write it anew' };
  expect(() => checkedJson('f', { name: 7 }, schema, place)).toThrow(
    'f: vision.patch.name: found 7, expected string; write it anew',
  );
  expect(() => parseJson('f', '{', schema, place)).toThrow(
    /f: found text that is not JSON \(.*\), expected JSON; write/,
  );
});

test('a missing file is an error or undefined, by the function; a folder is always an error', async () => {
  const nowhere = join(folder(), 'nowhere.json');
  await expect(readJson(nowhere, schema)).rejects.toThrow(`${nowhere}: found no such file`);
  expect(await readJsonIfThere(nowhere, schema)).toBeUndefined();
  expect(await readSmallTextIfThere(nowhere)).toBeUndefined();
  expect(await readSmallTextIfThere(join(await file('x'), 'y.json'))).toBeUndefined();
  await expect(readSmallTextIfThere(folder())).rejects.toMatchObject({ fault: 'data', found: 'a folder' });
});

test('a file over the limit is not read, nor one without end', async () => {
  await expect(readSmallText(await file('12345'), 4)).rejects.toThrow(/found 5 bytes, expected at most 4/);
  expect(await readSmallText(await file('1234'), 4)).toBe('1234');
  await expect(readSmallText('/dev/zero', 100_000, { byUser: true })).rejects.toThrow(/found more than 100000 bytes/);
});

test('a pipe in place of a file is refused without waiting; one that the user names is read', async (context) => {
  if (process.platform === 'win32') return context.skip('needs named pipes');
  const pipe = join(folder(), 'config.json');
  execFileSync('mkfifo', [pipe]);
  await expect(readJson(pipe, schema)).rejects.toThrow(`${pipe}: found a device or pipe, expected a file`);
  const [text] = await Promise.all([readSmallText(pipe, 100, { byUser: true }), writeFile(pipe, 'a line')]);
  expect(text).toBe('a line');
});

test('JSON is written indented by two spaces, with a line end', async () => {
  const path = await file('before');
  await writeJson(path, { name: 'a', sizes: [] });
  expect(await readFile(path, 'utf8')).toBe('{\n  "name": "a",\n  "sizes": []\n}\n');
});

test('bytes that are not UTF-8 are refused', async () => {
  await expect(readSmallText(await file(new Uint8Array([0x61, 0xff])))).rejects.toThrow(/not UTF-8, expected text/);
});
