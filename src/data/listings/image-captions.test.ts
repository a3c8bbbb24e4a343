/** @file Captioned pictures from tables. */
import { expect, test } from 'vitest';
import { openPictureSet } from '../open.ts';
import { config, levels, testFiles } from '../picture-files.test-support.ts';
import { openCaptionedPictures } from './image-captions.ts';

const { text, folderOf } = testFiles();

test("captions are read with their pictures, by our column names or by open_clip's", async () => {
  await folderOf('captions', { 'a.png': 10, 'b.png': 20 });
  const ours = await text('captions/ours.csv', 'caption,image\n"a cat, asleep",a.png\na dog,b.png\n');
  const theirs = await text('captions/theirs.csv', 'filepath\ttitle\na.png\ta cat, asleep\nb.png\ta dog\n');
  for (const path of [ours, theirs]) {
    const { pictures, captions } = await openCaptionedPictures(path, config);
    expect(captions).toEqual(['a cat, asleep', 'a dog']);
    expect(await levels(pictures)).toEqual([10, 20]);
  }
  await expect(openPictureSet(ours, { config })).rejects.toThrow(/a first line without "label"/);
  const empty = await text('captions/empty.csv', 'image,caption\na.png,\n');
  await expect(openCaptionedPictures(empty, config)).rejects.toThrow(/line 2: found an empty field/);
});
