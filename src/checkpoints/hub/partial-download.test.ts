/** @file Partial downloads from the Hub: continued after a break, Python's included, and never trusted. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import type { RunEvent } from '../../runs/recorder.ts';
import { openClip } from '../open.ts';
import { type Answer, fixture, type Served, servedHub } from './hub.test-support.ts';

const served = servedHub();
const { repository } = served;

const name = 'open_clip_model.safetensors';
let size: number;
let sha256: string;
const blobs = () => served.hub.blobs;
/** Ranges of the requests for the model's weights, in order. */
const ranges = () => served.hub.ranges.flatMap(([file, range]) => (file === name ? [range] : []));
const parts = async () => (await readdir(blobs())).filter((file) => file.includes('incomplete'));
const serve = (change: Partial<Served>) => served.hub.files.set(name, { ...served.hub.files.get(name)!, ...change });
/** Writes the first bytes of the weights as a part. */
async function leave(part: string, bytes: number, seconds = 1): Promise<void> {
  await mkdir(blobs(), { recursive: true });
  await writeFile(join(blobs(), part), served.hub.files.get(name)!.bytes.subarray(0, bytes));
  await utimes(join(blobs(), part), seconds, seconds);
}
async function expectWhole(): Promise<void> {
  expect((await openClip('hf:org/clip')).sha256).toBe(sha256);
  expect(await parts()).toEqual([]);
}

beforeEach(async () => {
  await served.hub.add(fixture('open-clip-vit-gelu'));
  const { bytes } = served.hub.files.get(name)!;
  size = bytes.length;
  sha256 = createHash('sha256').update(bytes).digest('hex');
});

test('a download continues its part after every break that follows new bytes', async () => {
  serve({ answers: [{ breaksAt: 100_000 }, { breaksAt: 250_000 }] });
  await expectWhole();
  expect(ranges()).toEqual([undefined, 'bytes=100000-', 'bytes=250000-']);
});

test('without new bytes a download fails as a fault of the data, and the next one continues its part', async () => {
  serve({ answers: [{ breaksAt: 100_000 }, { breaksAt: 100_000 }] });
  await expect(openClip('hf:org/clip')).rejects.toMatchObject({
    fault: 'data',
    message: expect.stringMatching(/hf:org\/clip@main: open_clip_model\.safetensors: found no answer from http/),
  });
  expect(await parts()).toEqual([`${sha256}.incomplete`]);
  await expect(stat(join(repository(), 'refs', 'main'))).rejects.toThrow(/ENOENT/);
  served.hub.ranges.length = 0;
  await expectWhole();
  expect(ranges()).toEqual(['bytes=100000-']);
});

test('a part is kept when the server ends before the size that the Hub lists', async () => {
  serve({ listed: { size: 10_000_000 } });
  await expect(openClip('hf:org/clip')).rejects.toThrow(/found \d+ bytes, expected 10000000, as the Hub lists it/);
  expect(await parts()).toEqual([`${sha256}.incomplete`]);
});

test.each<[string, Answer]>([
  ['sends all of it', { ignoresRange: true }],
  ['sends another part of it', { shift: 10 }],
  ['has no such part', { shift: 1e6 }],
])('a part is fetched anew from a server that %s', async (_, answer) => {
  serve({ answers: [{ breaksAt: 100_000 }, answer] });
  await expectWhole();
  expect(ranges().slice(0, 2)).toEqual([undefined, 'bytes=100000-']);
});

test('a part that Python left is continued', async () => {
  await leave(`${sha256}.incomplete`, 200_000);
  await expectWhole();
  expect(ranges()).toEqual(['bytes=200000-']);
});

test('a part stays untouched while Python may be writing it', async () => {
  await leave(`${sha256}.incomplete`, 200_000, Date.now() / 1000);
  expect((await openClip('hf:org/clip')).sha256).toBe(sha256);
  expect(ranges()).toEqual([undefined]);
  expect(await parts()).toEqual([`${sha256}.incomplete`]);
});

test('the longest part of dead processes is taken over, and none of a living one', async () => {
  const host = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
  const gone = spawnSync(process.execPath, ['--version']).pid;
  const living = `${sha256}.${host}-${process.pid}-00000003.incomplete`;
  await leave(`${sha256}.${host}-${gone}-00000001.incomplete`, 100_000);
  await leave(`${sha256}.${host}-${gone}-00000002.incomplete`, 150_000);
  await leave(living, 200_000);
  expect((await openClip('hf:org/clip')).sha256).toBe(sha256);
  expect(ranges()).toEqual(['bytes=150000-']);
  expect(await parts()).toEqual([living]);
});

test.each([
  ['as long as the file', (bytes: Buffer) => Buffer.alloc(bytes.length)],
  ['longer than the file', (bytes: Buffer) => Buffer.alloc(bytes.length + 1)],
  ['shorter', () => Buffer.alloc(1000)],
])('a part that proves wrong is thrown away, %s', async (_, wrong) => {
  const part = `${sha256}.incomplete`;
  await leave(part, 0);
  await writeFile(join(blobs(), part), wrong(served.hub.files.get(name)!.bytes));
  await utimes(join(blobs(), part), 1, 1);
  await expectWhole();
  expect(ranges().at(-1)).toBeUndefined();
});

test('a part of a file that has changed since is not used', async () => {
  serve({ answers: [{ breaksAt: 100_000 }, { breaksAt: 100_000 }] });
  await expect(openClip('hf:org/clip')).rejects.toThrow(/no answer/);
  const old = served.hub.files.get(name)!.bytes;
  const changed = Buffer.from(old);
  // The last byte of a weight's mantissa.
  changed[changed.length - 4]! ^= 1;
  serve({ bytes: changed, answers: [] });
  served.hub.commit = 'e'.repeat(40);
  served.hub.ranges.length = 0;
  expect((await openClip('hf:org/clip')).sha256).toBe(createHash('sha256').update(changed).digest('hex'));
  expect(ranges()).toEqual([undefined]);
});

test('a download longer than a second reports its progress in bytes of all fetched files', async () => {
  serve({ answers: [{ waits: 1500 }] });
  const events: RunEvent[] = [];
  await openClip('hf:org/clip', (event) => events.push(event));
  const all = [...served.hub.files].reduce(
    (sum, [file, { bytes }]) => sum + (/open_clip/.test(file) ? bytes.length : 0),
    0,
  );
  const fetched = events.filter(({ stage }) => stage === 'download');
  expect(fetched.at(-1)).toEqual({ stage: 'download', step: all, steps: all, unit: 'bytes' });
  expect(size).toBeLessThan(all);
});
