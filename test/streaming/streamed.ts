/** @file Streams so many generated files, at a size of so many pixels, in a process of its own. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { writeManyFiles } from './many-files.ts';
import type { Streamed } from './stream-child.ts';

const child = fileURLToPath(new URL('stream-child.ts', import.meta.url));

export async function streamed(folder: string, count: number, resolution: number): Promise<Streamed> {
  const data = join(folder, `of-${count}`);
  await writeManyFiles(data, count);
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', child, data, String(resolution)]);
  return JSON.parse(stdout);
}
