/** @file For tests: picture files of one colour, text files, and what a set reads from them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import type { PreprocessConfig } from '../clip/pictures/preprocess.ts';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';

export const config: PreprocessConfig = {
  image: { resolution: 8 },
  preprocessing: { resize: 'shortest', interpolation: 'bicubic', centre: 'torchvision' },
};

/** Writes files into a folder that the tests of one file share. */
export function testFiles() {
  const root = temporaryFolder();

  /** A picture of one grey level. */
  async function picture(path: string, level: number): Promise<void> {
    await mkdir(dirname(path), { recursive: true });
    const background = { r: level, g: level, b: level };
    await sharp({ create: { width: 9, height: 8, channels: 3, background } })
      .png()
      .toFile(path);
  }

  /** A file of this text or these bytes. */
  async function text(name: string, content: string | Uint8Array): Promise<string> {
    const path = join(root(), name);
    await writeFile(path, content);
    return path;
  }

  /** A folder of pictures, by path and grey level. */
  async function folderOf(name: string, files: Record<string, number>): Promise<string> {
    for (const [file, level] of Object.entries(files)) await picture(join(root(), name, file), level);
    return join(root(), name);
  }

  return { root, picture, text, folderOf };
}

/** The grey level of every picture of a set. */
export async function levels(set: PictureSet): Promise<readonly number[]> {
  const { data } = await set.read([...set.labels.keys()]);
  return [...set.labels.keys()].map((i) => data[i * 3 * 64]!);
}
