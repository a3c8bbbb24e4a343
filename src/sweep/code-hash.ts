/** @file The hash of the code that computes cells: the package's own files, its lists, and the versions of its runtimes. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { environment } from '../runs/environment.ts';
import { sha256 } from '../tensor/sha256.ts';

/** Folders that only show, export or start computations: no number depends on them (see the test). */
export const showingFolders: readonly string[] = ['cli', 'report', 'export'];

/**
 * SHA-256 over every file that may affect a number. The sources and the built package are different code; two copies of
 * one of them are equal.
 *
 * @param data folder of the lists that code reads: class names, vocabularies. Pictures have hashes of their own.
 */
export async function codeHash(
  root = fileURLToPath(new URL('..', import.meta.url)),
  data = fileURLToPath(new URL('../../data', import.meta.url)),
): Promise<string> {
  const parts = [...(await hashes(root, isCode)), ...(await hashes(data, (name) => /\.(json|gz)$/.test(name)))];
  // The runtime of the graphs, and the decoder of pictures.
  const versions = [environment().versions.onnxruntime, sharp.versions.vips];
  return sha256(JSON.stringify([parts, versions]));
}

/** Name and SHA-256 of the chosen files of a folder, ordered by name. */
async function hashes(folder: string, isPart: (name: string) => boolean): Promise<readonly (readonly string[])[]> {
  const names = (await readdir(folder, { recursive: true })).map((name) => name.replaceAll('\\', '/'));
  const parts = names.filter(isPart).sort();
  return Promise.all(parts.map(async (name) => [name, sha256(await readFile(join(folder, name)))]));
}

/** Not tests, declarations and source maps. */
function isCode(name: string): boolean {
  return (
    /\.(ts|mjs|json)$/.test(name) &&
    !/(\.test|\.test-support|\.d)\.m?ts$/.test(name) &&
    !showingFolders.includes(name.split('/')[0]!)
  );
}
