/** @file Which code computes a cell: a hash over the package's own files and the versions of what they stand on. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { environment } from '../runs/environment.ts';
import { sha256 } from '../tensor/sha256.ts';

/** Folders that only show, write down or begin what has been computed: no number depends on them (see the test). */
export const showingFolders: readonly string[] = ['cli', 'report', 'export', 'server', 'ui'];

/**
 * SHA-256 over every file that may have a part in a number. The sources and the built package are different files and
 * so different code; two copies of one of them are the same.
 */
export async function codeHash(root = fileURLToPath(new URL('..', import.meta.url))): Promise<string> {
  const names = await readdir(root, { recursive: true });
  const parts = names
    .map((name) => name.replaceAll('\\', '/'))
    .filter(counts)
    .sort()
    .map(async (name) => [name, sha256(await readFile(join(root, name)))]);
  // What computes, and what decodes pictures.
  const versions = [environment().versions.onnxruntime, sharp.versions.vips];
  return sha256(JSON.stringify([await Promise.all(parts), versions]));
}

/** Not tests, declarations and source maps. */
function counts(name: string): boolean {
  return (
    /\.(ts|mjs|json)$/.test(name) &&
    !/(\.test|-for-tests|\.test-support|\.d)\.m?ts$/.test(name) &&
    !showingFolders.includes(name.split('/')[0]!)
  );
}
