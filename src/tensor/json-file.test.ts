/** @file Promises about text and JSON from outside: bounded, and told by file and key when they do not fit. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { checkedJson, parseJson, readJson, readJsonIfThere } from './json-file.ts';
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

test('what fits is returned, with a byte order mark in front or without', async () => {
  expect(await readJson(await file('{"name": "a", "size": 3}'), schema)).toEqual({ name: 'a', size: 3 });
  expect(await readJson(await file('\uFEFF{"name": "b"}'), schema)).toEqual({ name: 'b' });
});

test.each([
  ['a value of another type', { name: 7 }, 'f: name: found 7, expected string'],
  ['a missing value', {}, 'f: name: found nothing, expected string'],
  ['null', { name: null }, 'f: name: found nothing, expected string'],
  ['another document altogether', [1], 'f: found [1], expected object'],
  ['a key too many', { name: '', sise: 3 }, 'f: sise: found 3, expected no such key'],
  ['a number out of its range', { name: '', size: 0 }, 'f: size: found 0, expected number to be >=1'],
  ['neither of two forms', { name: '', size: 'x' }, 'f: size: found "x", expected number, or object'],
  [
    'the better of two forms',
    { name: '', size: { height: 1, width: 'x' } },
    'f: size.width: found "x", expected number',
  ],
  ['another kind', { name: '', kind: { is: 'c' } }, `f: kind.is: found "c", expected 'a' | 'b'`],
  ['a long value', { name: ['x'.repeat(200)] }, `f: name: found ["${'x'.repeat(78)}..., expected string`],
])('%s is told by key, with what is there and what should be', (_, json, message) => {
  expect(() => checkedJson('f', json, schema)).toThrow(expect.objectContaining({ fault: 'data', message }));
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

test('a file that is not there is an error or undefined, as is asked for; a folder is always an error', async () => {
  const nowhere = join(folder(), 'nowhere.json');
  await expect(readJson(nowhere, schema)).rejects.toThrow(`${nowhere}: found no such file`);
  expect(await readJsonIfThere(nowhere, schema)).toBeUndefined();
  expect(await readSmallTextIfThere(nowhere)).toBeUndefined();
  expect(await readSmallTextIfThere(join(await file('x'), 'y.json'))).toBeUndefined();
  await expect(readSmallTextIfThere(folder())).rejects.toMatchObject({ fault: 'data', found: 'a folder' });
});

test('a file larger than it may be is not read, and one without end neither', async () => {
  await expect(readSmallText(await file('12345'), 4)).rejects.toThrow(/found 5 bytes, expected at most 4/);
  expect(await readSmallText(await file('1234'), 4)).toBe('1234');
  await expect(readSmallText('/dev/zero', 100_000)).rejects.toThrow(/found more than 100000 bytes/);
});

test('bytes that are no text are refused', async () => {
  await expect(readSmallText(await file(new Uint8Array([0x61, 0xff])))).rejects.toThrow(/not UTF-8, expected text/);
});
