/** @file Folders of any number of small picture files, each unlike the others, for tests of what large sets cost. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';

/** Files of one class, and so of one folder. */
const perClass = 500;

/** Writes `count` JPEG files of 48 x 40 pixels below `folder`. They look alike, but no two have the same bytes. */
export async function writeManyFiles(folder: string, count: number, classes: readonly string[] = []): Promise<void> {
  const data = Buffer.alloc(3 * 48 * 40);
  for (let i = 0; i < data.length; i++) data[i] = 128 + 100 * Math.sin(i / 37);
  const jpeg = sharp(data, { raw: { width: 48, height: 40, channels: 3 } }).jpeg();
  const picture = await jpeg.toBuffer();
  for (let first = 0; first < count; first += perClass) {
    const number = first / perClass;
    const own = join(folder, classes[number] ?? `class ${String(number).padStart(3, '0')}`);
    await mkdir(own, { recursive: true });
    const positions = Array.from({ length: Math.min(perClass, count - first) }, (_, i) => first + i);
    // Decoders pass over what stands behind the end of a JPEG.
    const bytes = (position: number) => Buffer.concat([picture, Buffer.from(String(position))]);
    await Promise.all(positions.map((position) => writeFile(join(own, `${position}.jpg`), bytes(position))));
  }
}
