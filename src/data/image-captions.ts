/** @file Pictures with captions from a CSV or tab-separated file: what contrastive training takes. */
import { dirname, resolve } from 'node:path';
import type { PreprocessConfig } from '../clip/preprocess.ts';
import { badData } from '../errors.ts';
import { captionColumns, columnsOf, imageColumns, readTable } from './image-csv.ts';
import { picturesOfFiles } from './image-files.ts';
import { pathList } from './path-list.ts';
import type { PictureSet } from './pictures.ts';

export interface CaptionedPictures {
  /** Without classes; every label is 0. */
  readonly pictures: PictureSet;
  /** One for every picture. */
  readonly captions: readonly string[];
}

/**
 * Opens a file with the columns `image` and `caption`, or `filepath` and `title` as open_clip calls them. Paths are
 * relative to the file.
 *
 * @throws AntidoteError (data) that names the line
 */
export async function openCaptionedPictures(path: string, config: PreprocessConfig): Promise<CaptionedPictures> {
  const [header, ...rows] = await readTable(path);
  const [image, caption] = columnsOf(path, header, [imageColumns, captionColumns]);
  if (rows.length === 0) throw badData(path, 'no pictures', 'a line for every picture');
  const pairs = rows.map(({ fields, line }) => {
    const file = fields[image!]?.trim();
    const text = fields[caption!]?.trim();
    if (!file || !text) throw badData(`${path}, line ${line}`, 'an empty field', 'an image and its caption');
    return { file: resolve(dirname(path), file), text };
  });
  const listing = {
    name: path,
    classes: [],
    labels: new Int32Array(pairs.length),
    paths: pathList(pairs.map(({ file }) => file)),
  };
  return { pictures: await picturesOfFiles(listing, config), captions: pairs.map(({ text }) => text) };
}
