import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { codeHash, showingFolders } from './code-hash.ts';

const folder = temporaryFolder();
const sources = fileURLToPath(new URL('..', import.meta.url));

/** Every file that the cell function imports, directly or not. */
async function importedBy(path: string, found = new Set<string>()): Promise<Set<string>> {
  if (found.has(path)) return found;
  found.add(path);
  for (const [, target] of (await readFile(path, 'utf8')).matchAll(/(?:from|import|import\()\s*'(\.[^']+)'/g)) {
    await importedBy(join(dirname(path), target!), found);
  }
  return found;
}

test('no code that computes a cell is in a folder that the hash leaves out', async () => {
  const computing = await importedBy(join(sources, 'sweep/compute-cell.ts'));
  expect(computing.size).toBeGreaterThan(60);
  const left = [...computing].filter((path) => showingFolders.includes(path.slice(sources.length).split('/')[0]!));
  expect(left).toEqual([]);
});

test('a changed line of code changes the hash; a changed test, page or command does not', async () => {
  const root = folder();
  const put = async (name: string, text: string) => {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  };
  await put('graph/matmul.ts', 'a * b');
  await put('cli/main.ts', 'print');
  const before = await codeHash(root);
  await put('cli/main.ts', 'print more');
  await put('report/page.ts', 'colour');
  await put('graph/matmul.test.ts', 'expect');
  expect(await codeHash(root)).toBe(before);
  await put('graph/matmul.ts', 'a * b + 0');
  expect(await codeHash(root)).not.toBe(before);
});

test('another list of names gives another hash: crowds are made of these names', async () => {
  const [root, data] = [join(folder(), 'code'), join(folder(), 'data')];
  await mkdir(root);
  await mkdir(data);
  await writeFile(join(data, 'things.json'), '["dog"]');
  const before = await codeHash(root, data);
  await writeFile(join(data, 'things.json'), '["cat"]');
  expect(await codeHash(root, data)).not.toBe(before);
});
