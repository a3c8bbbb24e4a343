/** @file A server of this machine for tests in a browser: an empty page, and files below a few folders. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
};

export interface PageServer {
  /** Of the empty page. */
  readonly address: string;
  close(): void;
}

/** @param folders by the first part of an address: `/pictures/a.png` is `a.png` in `pictures` */
export async function servePages(folders: Readonly<Record<string, string>>): Promise<PageServer> {
  const server = createServer(async (request, response) => {
    const [, root = '', ...rest] = new URL(request.url!, 'http://localhost').pathname.split('/');
    const folder = folders[root];
    const body =
      root === ''
        ? Buffer.from('<!doctype html>')
        : folder && (await readFile(join(folder, ...rest)).catch(() => undefined));
    response.writeHead(body ? 200 : 404, {
      'content-type': types[extname(rest.at(-1) ?? '')] ?? (root === '' ? 'text/html' : ''),
    });
    response.end(body);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => server.close(),
  };
}
