/** @file A local Hub with one repository of a model, and a cache for its downloads. */
import { createHash } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, vi } from 'vitest';

export const commit = 'c'.repeat(40);

/** Folder of a small model. */
export const fixture = (name: string) => fileURLToPath(new URL(`../../../test/fixtures/clip/${name}`, import.meta.url));

export interface Served {
  readonly bytes: Buffer;
  /** Kept as a large file: known by its SHA-256. */
  readonly large: boolean;
  /** Lies about the file, for tests. */
  readonly listed?: { readonly size?: number; readonly hash?: string };
  /** Faults of the answers, in order; later answers are right. */
  readonly answers?: Answer[];
}

/**
 * Breaks the connection before this byte, once all earlier bytes are in the cache; ignores ranges; sends another part;
 * or waits in the middle.
 */
export type Answer = {
  readonly breaksAt?: number;
  readonly ignoresRange?: true;
  readonly shift?: number;
  readonly waits?: number;
};

/** A Hub with one repository, `org/clip`, and a record of its requests. */
export class Hub {
  readonly requests: string[] = [];
  /** Name and range of requests for files. */
  readonly ranges: (readonly [name: string, range: string | undefined])[] = [];
  readonly files = new Map<string, Served>();
  /** Values of `Authorization` that were received. */
  readonly tokens: string[] = [];
  /** Status of every answer, or of those whose address has `refuses` in it. */
  status = 200;
  refuses = '';
  commit = commit;
  /** Another server that holds the files. */
  storage: string | undefined;
  /** Set by storage: a CDN's mark. */
  isCdn = false;
  /** Every page of the list names another one. */
  endless = false;
  /** The client's folder of blobs and parts. */
  blobs = '';
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
    else if (file && status === 200) void send(request, response, file, this);
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

/** Sends the whole file, or the requested range. */
async function send(request: IncomingMessage, response: ServerResponse, file: Served, hub: Hub): Promise<void> {
  const { bytes, answers = [] } = file;
  const { breaksAt, ignoresRange, shift = 0, waits } = answers.shift() ?? {};
  const range = ignoresRange ? null : /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '');
  const from = range ? Number(range[1]) + shift : 0;
  if (from > bytes.length) return void response.writeHead(416).end();
  response.writeHead(range ? 206 : 200, {
    ETag: '"x"',
    'Content-Length': bytes.length - from,
    ...(hub.isCdn && { 'X-Cache': 'Hit from cloudfront' }),
    ...(range && { 'Content-Range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` }),
  });
  if (breaksAt !== undefined) {
    response.write(bytes.subarray(from, breaksAt));
    // Bytes still in a slow reader's memory are lost with its stream.
    await vi.waitUntil(() => largestPart(hub.blobs) === breaksAt, { timeout: 60_000, interval: 10 });
    return void response.destroy();
  }
  if (waits !== undefined) {
    response.write(bytes.subarray(from, bytes.length >> 1));
    await new Promise((resolve) => setTimeout(resolve, waits));
    return void response.end(bytes.subarray(bytes.length >> 1));
  }
  response.end(bytes.subarray(from));
}

/** Downloads run in parallel, and each file is renamed when it is complete, so names may vanish here. */
function largestPart(blobs: string): number {
  const parts = readdirSync(blobs).filter((name) => name.endsWith('.incomplete'));
  return Math.max(...parts.map((name) => statSync(join(blobs, name), { throwIfNoEntry: false })?.size ?? 0));
}

function listing({ bytes, large, listed }: Served): object {
  const size = listed?.size ?? bytes.length;
  const git = createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
  if (!large) return { size, oid: listed?.hash ?? git };
  const oid = listed?.hash ?? createHash('sha256').update(bytes).digest('hex');
  return { size, oid: '0'.repeat(40), lfs: { oid, size, pointerSize: 130 } };
}

/** A new Hub and an empty cache for every test, named by the environment. */
export function servedHub(): { readonly hub: Hub; readonly repository: () => string } {
  let hub: Hub;
  let cache: string;
  const repository = () => join(cache, 'models--org--clip');
  beforeEach(async () => {
    hub = new Hub();
    cache = await mkdtemp(join(tmpdir(), 'antidote-hub-'));
    hub.blobs = join(repository(), 'blobs');
    vi.stubEnv('HF_ENDPOINT', await hub.listen());
    vi.stubEnv('HF_HUB_CACHE', cache);
    for (const name of ['HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE', 'HF_TOKEN']) vi.stubEnv(name, '');
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await hub.close();
  });
  return {
    get hub() {
      return hub;
    },
    repository,
  };
}
