/** @file Models of a Hub that runs here: what is fetched, where it lies, and what is said when it does not work. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RunEvent } from '../runs/recorder.ts';
import { parseHubName } from './hub.ts';
import { licenceFiles } from './licence-files.ts';
import { modelFiles } from './model-files.ts';
import { openClip } from './open.ts';

const commit = 'c'.repeat(40);
const fixture = (name: string) => fileURLToPath(new URL(`../../test/fixtures/clip/${name}`, import.meta.url));

interface Served {
  readonly bytes: Buffer;
  /** Kept as a large file: known by its SHA-256. */
  readonly large: boolean;
  /** Lies about the file, for tests. */
  readonly listed?: { readonly size?: number; readonly hash?: string };
  /** What goes wrong with answers, one after another; the rest are as they should be. */
  readonly answers?: Answer[];
}

/** Breaks the connection before this byte, takes no notice of ranges, sends another part, or waits in the middle. */
type Answer = {
  readonly breaksAt?: number;
  readonly ignoresRange?: true;
  readonly shift?: number;
  readonly waits?: number;
};

/** A Hub with one repository, `org/clip`, and what was asked of it. */
class Hub {
  readonly requests: string[] = [];
  /** Of requests for files: name and range. */
  readonly ranges: (readonly [name: string, range: string | undefined])[] = [];
  readonly files = new Map<string, Served>();
  /** What came as `Authorization`, if anything did. */
  readonly tokens: string[] = [];
  /** Answers for everything, if set, or for what has `refuses` in its address. */
  status = 200;
  refuses = '';
  commit = commit;
  /** Where files really lie, if elsewhere. */
  storage: string | undefined;
  /** Set by storage: a CDN's mark. */
  isCdn = false;
  /** Every page of the list names another one. */
  endless = false;
  readonly #server: Server = createServer((request, response) => this.#answer(request, response));

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async add(folder: string, large = /\.safetensors$/): Promise<void> {
    for (const name of await readdir(folder)) {
      if (name !== 'expected.safetensors')
        this.files.set(name, { bytes: await readFile(join(folder, name)), large: large.test(name) });
    }
  }

  downloads(): string[] {
    return [...new Set(this.requests.flatMap((url) => /\/resolve\/[^/]+\/([^?]+)/.exec(url)?.[1] ?? []))].sort();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url ?? '';
    const status = url.includes(this.refuses) ? this.status : 200;
    this.requests.push(url);
    if (request.headers.authorization) this.tokens.push(request.headers.authorization);
    const name = /\/org\/clip\/resolve\/[^/]+\/([^?]+)/.exec(url)?.[1] ?? '';
    const file = this.files.get(name);
    if (file) this.ranges.push([name, request.headers.range]);
    if (file && this.storage !== undefined) response.writeHead(302, { Location: `${this.storage}${url}` }).end();
    else if (file && status === 200) void send(request, response, file, this.isCdn);
    else {
      const body = status === 200 ? this.#about(url) : undefined;
      response.writeHead(body ? 200 : status === 200 ? 404 : status, {
        'Content-Type': 'application/json',
        ...(this.endless && url.includes('/tree/') && { Link: `<http://${request.headers.host}${url}>; rel="next"` }),
      });
      response.end(JSON.stringify(body ?? { error: 'no' }));
    }
  }

  #about(url: string): object | undefined {
    if (url.startsWith('/api/models/org/clip/revision/'))
      return { _id: '1', id: 'org/clip', sha: this.commit, lastModified: '2026-01-01T00:00:00.000Z' };
    if (url.startsWith(`/api/models/org/clip/tree/${this.commit}`))
      return this.endless
        ? Array.from({ length: 1000 }, (_, at) => ({
            type: 'file',
            path: `${this.requests.length} ${at}`,
            size: 0,
            oid: '0'.repeat(40),
          }))
        : [...this.files].map(([path, file]) => ({ type: 'file', path, ...listing(file) }));
    return undefined;
  }
}

/** All of it, or the range that was asked for. */
async function send(request: IncomingMessage, response: ServerResponse, file: Served, isCdn: boolean): Promise<void> {
  const { bytes, answers = [] } = file;
  const { breaksAt, ignoresRange, shift = 0, waits } = answers.shift() ?? {};
  const range = ignoresRange ? null : /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '');
  const from = range ? Number(range[1]) + shift : 0;
  if (from > bytes.length) return void response.writeHead(416).end();
  response.writeHead(range ? 206 : 200, {
    ETag: '"x"',
    'Content-Length': bytes.length - from,
    ...(isCdn && { 'X-Cache': 'Hit from cloudfront' }),
    ...(range && { 'Content-Range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
  });
  if (breaksAt !== undefined)
    return void response.write(bytes.subarray(from, breaksAt), () => setTimeout(() => response.destroy(), 50));
  if (waits !== undefined) {
    response.write(bytes.subarray(from, bytes.length >> 1));
    await new Promise((resolve) => setTimeout(resolve, waits));
    return void response.end(bytes.subarray(bytes.length >> 1));
  }
  response.end(bytes.subarray(from));
}

function listing({ bytes, large, listed }: Served): object {
  const size = listed?.size ?? bytes.length;
  const git = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
  if (!large) return { size, oid: listed?.hash ?? git };
  const oid = listed?.hash ?? createHash('sha256').update(bytes).digest('hex');
  return { size, oid: '0'.repeat(40), lfs: { oid, size, pointerSize: 130 } };
}

let hub: Hub;
let cache: string;
beforeEach(async () => {
  hub = new Hub();
  cache = await mkdtemp(join(tmpdir(), 'antidote-hub-'));
  vi.stubEnv('HF_ENDPOINT', await hub.listen());
  vi.stubEnv('HF_HUB_CACHE', cache);
  for (const name of ['HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE', 'HF_TOKEN']) vi.stubEnv(name, '');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await hub.close();
});

const repository = () => join(cache, 'models--org--clip');

test("a model is fetched into Python's cache: blobs by their hash, links to them under the commit, the branch's commit", async () => {
  await hub.add(fixture('hugging-face-quick-gelu'));
  hub.files.set('flax_model.msgpack', { bytes: Buffer.from('large and not needed'), large: true });
  hub.files.set('notes.md', { bytes: Buffer.from('not needed'), large: false });
  const clip = await openClip('hf:org/clip');
  const local = await openClip(fixture('hugging-face-quick-gelu'));
  expect(clip.config).toEqual(local.config);
  expect(clip.sha256).toBe(local.sha256);
  expect(clip.reading.hub).toEqual({ repository: 'org/clip', revision: 'main', commit });
  expect(hub.downloads()).toEqual(['config.json', 'model.safetensors', 'preprocessor_config.json', 'tokenizer.json']);
  expect(await readFile(join(repository(), 'refs', 'main'), 'utf8')).toBe(commit);
  const pointer = join(repository(), 'snapshots', commit, 'model.safetensors');
  expect((await lstat(pointer)).isSymbolicLink()).toBe(true);
  expect(await readlink(pointer)).toBe(join('..', '..', 'blobs', local.sha256));
  expect((await readdir(join(repository(), 'blobs'))).filter((name) => name.includes('incomplete'))).toEqual([]);
});

test('the terms of use come with a model: its card and the texts of its licence, which an export hands on', async () => {
  await hub.add(fixture('open-clip-vit-gelu'));
  const terms = ['LICENSE', 'NOTICE.txt', 'README.md'];
  for (const name of terms) hub.files.set(name, { bytes: Buffer.from(`${name} of org`), large: false });
  await openClip('hf:org/clip');
  expect(hub.downloads()).toEqual([...terms, 'open_clip_config.json', 'open_clip_model.safetensors'].sort());
  const { folder } = await modelFiles('hf:org/clip');
  expect((await licenceFiles(folder)).map((path) => basename(path))).toEqual(['LICENSE', 'NOTICE.txt']);
  expect(await readFile(join(folder, 'README.md'), 'utf8')).toBe('README.md of org');
});

test('what is in the cache is not fetched again, and a commit that is there is opened without asking', async () => {
  await hub.add(fixture('hugging-face-quick-gelu'));
  await openClip('hf:org/clip@main');
  hub.requests.length = 0;
  await openClip('hf:org/clip@main');
  expect(hub.downloads()).toEqual([]);
  hub.requests.length = 0;
  expect((await openClip(`hf:org/clip@${commit}`)).reading.hub?.commit).toBe(commit);
  expect(hub.requests).toEqual([]);
});

test('a file that the cache has a part of the model only is fetched after all', async () => {
  await hub.add(fixture('hugging-face-quick-gelu'));
  const snapshot = join(repository(), 'snapshots', commit);
  await mkdir(snapshot, { recursive: true });
  await writeFile(join(snapshot, 'config.json'), hub.files.get('config.json')!.bytes);
  await openClip(`hf:org/clip@${commit}`);
  expect(hub.downloads()).toEqual(['model.safetensors', 'preprocessor_config.json', 'tokenizer.json']);
});

test('HF_HUB_OFFLINE asks nobody, and without a cached model says so', async () => {
  await hub.add(fixture('hugging-face-quick-gelu'));
  vi.stubEnv('HF_HUB_OFFLINE', '1');
  await expect(openClip('hf:org/clip')).rejects.toThrow(
    /hf:org\/clip@main: found nothing complete in .*models--org--clip, expected a cached model, as HF_HUB_OFFLINE is set/,
  );
  expect(hub.requests).toEqual([]);
  vi.stubEnv('HF_HUB_OFFLINE', '');
  await openClip('hf:org/clip');
  hub.requests.length = 0;
  vi.stubEnv('HF_HUB_OFFLINE', 'YES');
  expect((await openClip('hf:org/clip')).reading.hub?.commit).toBe(commit);
  expect(hub.requests).toEqual([]);
});

test('a Hub that does not answer is made up for by the cache, or named', async () => {
  await hub.add(fixture('open-clip-vit-gelu'));
  await openClip('hf:org/clip');
  await hub.close();
  expect((await openClip('hf:org/clip')).reading.hub?.commit).toBe(commit);
  await expect(openClip('hf:org/other')).rejects.toMatchObject({
    fault: 'data',
    message: expect.stringMatching(/hf:org\/other@main: found no answer from http:\/\/127\.0\.0\.1.*HF_ENDPOINT/),
  });
  await hub.listen();
});

test.each([
  [429, 'everything', ''],
  [500, 'everything', ''],
  [503, 'the list of files', '/tree/'],
])('a Hub that answers %i to %s is made up for by the cache, or is to be asked later', async (status, _, part) => {
  await hub.add(fixture('open-clip-vit-gelu'));
  await openClip('hf:org/clip');
  hub.status = status;
  hub.refuses = part;
  expect((await openClip('hf:org/clip')).reading.hub?.commit).toBe(commit);
  await rm(repository(), { recursive: true });
  await expect(openClip('hf:org/clip')).rejects.toMatchObject({
    fault: 'data',
    message: expect.stringMatching(`found the answer ${status} from the Hub, .* the cache; try again later$`),
  });
});

test('an index that names a file elsewhere is refused before anything that it names is fetched', async () => {
  await hub.add(fixture('hugging-face-gelu-sharded'));
  const index = 'model.safetensors.index.json';
  const { weight_map, ...rest } = JSON.parse(hub.files.get(index)!.bytes.toString());
  const changed = { ...rest, weight_map: { ...weight_map, logit_scale: '../elsewhere.safetensors' } };
  hub.files.set(index, { bytes: Buffer.from(JSON.stringify(changed)), large: false });
  await expect(openClip('hf:org/clip')).rejects.toThrow(/the file name "\.\.\/elsewhere\.safetensors"/);
  expect(hub.downloads().filter((name) => name.endsWith('.safetensors'))).toEqual([]);
});

test('of a model in several files, the index and all that it names are fetched', async () => {
  await hub.add(fixture('hugging-face-gelu-sharded'));
  const clip = await openClip('hf:org/clip@v1.0');
  expect(clip.sha256).toBe((await openClip(fixture('hugging-face-gelu-sharded'))).sha256);
  expect(hub.downloads().filter((name) => name.endsWith('.safetensors'))).toHaveLength(4);
  expect(await readFile(join(repository(), 'refs', 'v1.0'), 'utf8')).toBe(commit);
});

test.each([
  [401, /found no such repository, or one that is private or gated, .*set HF_TOKEN/],
  [403, /found a gated repository, which this token may not read, .*ask for it at http/],
  [404, /found no such repository or revision/],
  [500, /found the answer 500 from the Hub/],
])('the answer %i is told in words', async (status, message) => {
  hub.status = status;
  await expect(openClip('hf:org/clip')).rejects.toMatchObject({
    fault: 'data',
    message: expect.stringMatching(message),
  });
});

test.each([
  ['more bytes than listed', { size: 100 }, /found more than 100 bytes/],
  ['other bytes than listed', { hash: 'a'.repeat(64) }, /found the hash [0-9a-f]{64}, expected a{64}/],
])('a download of %s is refused and leaves nothing', async (_, listed, message) => {
  await hub.add(fixture('open-clip-vit-gelu'));
  const name = 'open_clip_model.safetensors';
  hub.files.set(name, { ...hub.files.get(name)!, listed });
  await expect(openClip('hf:org/clip')).rejects.toThrow(message);
  expect((await readdir(join(repository(), 'blobs'))).filter((blob) => blob.length !== 40)).toEqual([]);
});

describe('what has arrived of a file', () => {
  const name = 'open_clip_model.safetensors';
  let size: number;
  let sha256: string;
  const blobs = () => join(repository(), 'blobs');
  /** Asks for the model's weights, first of all and then. */
  const ranges = () => hub.ranges.flatMap(([file, range]) => (file === name ? [range] : []));
  const parts = async () => (await readdir(blobs())).filter((file) => file.includes('incomplete'));
  const serve = (change: Partial<Served>) => hub.files.set(name, { ...hub.files.get(name)!, ...change });
  /** Puts the first bytes of the weights where a part may lie. */
  async function leave(part: string, bytes: number, seconds = 1): Promise<void> {
    await mkdir(blobs(), { recursive: true });
    await writeFile(join(blobs(), part), hub.files.get(name)!.bytes.subarray(0, bytes));
    await utimes(join(blobs(), part), seconds, seconds);
  }
  async function expectWhole(): Promise<void> {
    expect((await openClip('hf:org/clip')).sha256).toBe(sha256);
    expect(await parts()).toEqual([]);
  }

  beforeEach(async () => {
    await hub.add(fixture('open-clip-vit-gelu'));
    const { bytes } = hub.files.get(name)!;
    size = bytes.length;
    sha256 = createHash('sha256').update(bytes).digest('hex');
  });

  test('is gone on with at once when the connection breaks, as often as something new has come', async () => {
    serve({ answers: [{ breaksAt: 100_000 }, { breaksAt: 250_000 }] });
    await expectWhole();
    expect(ranges()).toEqual([undefined, 'bytes=100000-', 'bytes=250000-']);
  });

  test('is kept when nothing new comes, which is told as data that could not be had, and gone on with next time', async () => {
    serve({ answers: [{ breaksAt: 100_000 }, { breaksAt: 100_000 }] });
    await expect(openClip('hf:org/clip')).rejects.toMatchObject({
      fault: 'data',
      message: expect.stringMatching(/hf:org\/clip@main: open_clip_model\.safetensors: found no answer from http/),
    });
    expect(await parts()).toEqual([`${sha256}.incomplete`]);
    await expect(stat(join(repository(), 'refs', 'main'))).rejects.toThrow(/ENOENT/);
    hub.ranges.length = 0;
    await expectWhole();
    expect(ranges()).toEqual(['bytes=100000-']);
  });

  test('is kept when the server ends before the size that the Hub lists', async () => {
    serve({ listed: { size: 10_000_000 } });
    await expect(openClip('hf:org/clip')).rejects.toThrow(/found \d+ bytes, expected 10000000, as the Hub lists it/);
    expect(await parts()).toEqual([`${sha256}.incomplete`]);
  });

  test.each<[string, Answer]>([
    ['sends all of it', { ignoresRange: true }],
    ['sends another part of it', { shift: 10 }],
    ['has no such part', { shift: 1e6 }],
  ])('is fetched anew from a server that %s', async (_, answer) => {
    serve({ answers: [{ breaksAt: 100_000 }, answer] });
    await expectWhole();
    expect(ranges().slice(0, 2)).toEqual([undefined, 'bytes=100000-']);
  });

  test('may be what Python has left', async () => {
    await leave(`${sha256}.incomplete`, 200_000);
    await expectWhole();
    expect(ranges()).toEqual(['bytes=200000-']);
  });

  test('is left alone while Python may be writing it', async () => {
    await leave(`${sha256}.incomplete`, 200_000, Date.now() / 1000);
    expect((await openClip('hf:org/clip')).sha256).toBe(sha256);
    expect(ranges()).toEqual([undefined]);
    expect(await parts()).toEqual([`${sha256}.incomplete`]);
  });

  test('is taken over from a process that is gone, the longest of several, and not from one that lives', async () => {
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
  ])('is thrown away when it turns out to be wrong, %s', async (_, wrong) => {
    const part = `${sha256}.incomplete`;
    await leave(part, 0);
    await writeFile(join(blobs(), part), wrong(hub.files.get(name)!.bytes));
    await utimes(join(blobs(), part), 1, 1);
    await expectWhole();
    expect(ranges().at(-1)).toBeUndefined();
  });

  test('is of no use for a file that has changed since', async () => {
    serve({ answers: [{ breaksAt: 100_000 }, { breaksAt: 100_000 }] });
    await expect(openClip('hf:org/clip')).rejects.toThrow(/no answer/);
    const old = hub.files.get(name)!.bytes;
    const changed = Buffer.from(old);
    // The last byte of a weight's mantissa.
    changed[changed.length - 4]! ^= 1;
    serve({ bytes: changed, answers: [] });
    hub.commit = 'e'.repeat(40);
    hub.ranges.length = 0;
    expect((await openClip('hf:org/clip')).sha256).toBe(createHash('sha256').update(changed).digest('hex'));
    expect(ranges()).toEqual([undefined]);
  });

  test('is told in bytes of all that is fetched, once it takes longer than a second', async () => {
    serve({ answers: [{ waits: 1500 }] });
    const events: RunEvent[] = [];
    await openClip('hf:org/clip', (event) => events.push(event));
    const all = [...hub.files].reduce((sum, [file, { bytes }]) => sum + (/open_clip/.test(file) ? bytes.length : 0), 0);
    const fetched = events.filter(({ stage }) => stage === 'download');
    expect(fetched.at(-1)).toEqual({ stage: 'download', step: all, steps: all, unit: 'bytes' });
    expect(size).toBeLessThan(all);
  });
});

test('the token goes to the Hub alone, not to where it says that a file lies', async () => {
  await hub.add(fixture('open-clip-vit-gelu'));
  const storage = new Hub();
  await storage.add(fixture('open-clip-vit-gelu'));
  storage.isCdn = true;
  hub.storage = await storage.listen();
  vi.stubEnv('HF_TOKEN', ' hf_secret\n');
  await openClip('hf:org/clip');
  expect(hub.tokens).toContain('Bearer hf_secret');
  expect(storage.downloads()).toContain('open_clip_model.safetensors');
  expect(storage.tokens).toEqual([]);
  await storage.close();
});

test('a token that is none is named, and nobody is asked with it', async () => {
  vi.stubEnv('HF_TOKEN', 'secret');
  await expect(openClip('hf:org/clip')).rejects.toThrow(/^HF_TOKEN: found a token of another form, expected .* hf_/);
  expect(hub.requests).toEqual([]);
});

test('a list of files without end is refused', async () => {
  hub.endless = true;
  await expect(openClip('hf:org/clip')).rejects.toThrow(/found more than 10000 files/);
});

test('of a new commit only the files that it changes are fetched', async () => {
  await hub.add(fixture('open-clip-vit-gelu'));
  await openClip('hf:org/clip');
  hub.requests.length = 0;
  hub.commit = 'd'.repeat(40);
  expect((await openClip('hf:org/clip')).reading.hub?.commit).toBe(hub.commit);
  expect(hub.downloads()).toEqual([]);
  expect(await readFile(join(repository(), 'refs', 'main'), 'utf8')).toBe(hub.commit);
});

test('a link whose blob was removed counts as missing', async () => {
  await hub.add(fixture('open-clip-vit-gelu'));
  const { sha256 } = await openClip('hf:org/clip');
  await rm(join(repository(), 'blobs', sha256));
  hub.requests.length = 0;
  expect((await openClip(`hf:org/clip@${commit}`)).sha256).toBe(sha256);
  expect(hub.downloads()).toEqual(['open_clip_model.safetensors']);
});

test('what Python fetched for the image tower alone is made whole: a tokenizer or a preprocessing would be guessed', async () => {
  await hub.add(fixture('hugging-face-quick-gelu'));
  const snapshot = join(repository(), 'snapshots', commit);
  await mkdir(snapshot, { recursive: true });
  for (const name of ['config.json', 'model.safetensors'])
    await writeFile(join(snapshot, name), hub.files.get(name)!.bytes);
  await openClip(`hf:org/clip@${commit}`);
  expect(hub.downloads()).toEqual(['preprocessor_config.json', 'tokenizer.json']);
  hub.requests.length = 0;
  await openClip(`hf:org/clip@${commit}`);
  expect(hub.requests).toEqual([]);
});

test('a reference that is right already is not written again: a shared cache may be read-only', async () => {
  await hub.add(fixture('open-clip-vit-gelu'));
  await openClip('hf:org/clip');
  const reference = join(repository(), 'refs', 'main');
  await utimes(reference, 1, 1);
  await openClip('hf:org/clip');
  expect((await stat(reference)).mtimeMs).toBe(1000);
});

test('two that fetch the same model at once both get it', async () => {
  await hub.add(fixture('hugging-face-gelu-sharded'));
  const all = await Promise.all(Array.from({ length: 4 }, () => openClip('hf:org/clip')));
  expect(new Set(all.map(({ sha256 }) => sha256)).size).toBe(1);
  expect((await readdir(join(repository(), 'blobs'))).filter((name) => name.includes('incomplete'))).toEqual([]);
});

test('names and hashes that lead out of the cache are passed over or refused', async () => {
  await hub.add(fixture('open-clip-vit-gelu'));
  hub.files.set('../../outside.bin', { bytes: Buffer.from('x'), large: true });
  await openClip('hf:org/clip');
  expect(hub.downloads()).toEqual(['open_clip_config.json', 'open_clip_model.safetensors']);
  hub.files.set('notes.txt', { bytes: Buffer.from('x'), large: true, listed: { hash: '../../outside' } });
  await expect(openClip('hf:org/clip')).rejects.toThrow(/notes\.txt: found the hash "\.\.\/\.\.\/outside"/);
});

test('a repository without a model says what is in it', async () => {
  hub.files.set('README.md', { bytes: Buffer.from('hello'), large: false });
  await expect(openClip('hf:org/clip')).rejects.toThrow(
    /hf:org\/clip@main: found README\.md, expected open_clip_config/,
  );
  expect(hub.downloads()).toEqual([]);
});

test('names of the Hub are taken apart, and those that are none are refused', () => {
  expect(parseHubName('hf:laion/CLIP-ViT-B-32@refs/pr/1')).toEqual({
    repository: 'laion/CLIP-ViT-B-32',
    revision: 'refs/pr/1',
  });
  expect(parseHubName('./hf')).toBeUndefined();
  for (const name of ['hf:', 'hf:clip', 'hf:a/b/c', 'hf:a/b@', 'hf:../b', 'hf:a/b@../../x', 'hf:a/b@x//y', 'hf:a--b/c'])
    expect(() => parseHubName(name), name).toThrow(/expected hf:org\/name/);
});
