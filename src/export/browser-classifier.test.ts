import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { createClassifier, type OnnxRuntimeWeb } from './browser-classifier.ts';

test('a folder without an answering server is named, with possible reasons', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const folder = `http://127.0.0.1:${(server.address() as AddressInfo).port}/exported`;
  server.close();
  await once(server, 'close');
  await expect(createClassifier(folder, { runtime: {} as OnnxRuntimeWeb })).rejects.toThrow(
    `${folder}/export.json: found no answer, expected a file of an exported folder; does its server run, and does it let pages of other sites read its files (CORS)?`,
  );
});
