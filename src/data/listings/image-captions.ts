/** @file Pictures with captions from a CSV or tab-separated file, for contrastive training. */
import { dirname, resolve } from 'node:path';
import type { PictureSet } from '../../clip/pictures/pictures.ts';
import type { PreprocessConfig } from '../../clip/pictures/preprocess.ts';
import { badData } from '../../errors.ts';
import { captionColumns, imageColumns, readTable } from './image-csv.ts';
import { picturesOfFiles } from './image-files.ts';
import { collectPaths } from './path-list.ts';

export interface CaptionedPictures {
  /** Without classes; every label is 0. */
  readonly pictures: PictureSet;
  /** One for every picture. */
  readonly captions: readonly string[];
}

/**
 * Opens a file with the columns `image` and `caption`, or open_clip's `filepath` and `title`. Paths are relative to the
 * file.
 *
 * @throws AntidoteError (data) that names the line
 */
export async function openCaptionedPictures(path: string, config: PreprocessConfig): Promise<CaptionedPictures> {
  const paths = collectPaths();
  const captions: string[] = [];
  for (const { values } of await readTable(path, [imageColumns, captionColumns])) {
    const [image, caption] = values as [string, string];
    paths.add(resolve(dirname(path), image));
    captions.push(caption);
  }
  if (captions.length === 0) throw badData(path, 'no pictures', 'a line for every picture');
  const listing = { name: path, classes: [], labels: new Int32Array(captions.length), paths: paths.list() };
  return { pictures: await picturesOfFiles(listing, config), captions };
}
