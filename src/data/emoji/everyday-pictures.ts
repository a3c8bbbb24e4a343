/** @file Forty everyday things, drawn by two artists, whose names any CLIP should know. */
import type { PictureSet } from '../../clip/pictures/pictures.ts';
import { randomFor } from '../../tensor/random.ts';
import { sha256 } from '../../tensor/sha256.ts';
import { plainView } from './augment.ts';
import { namedClasses, readDrawings, sheetHashes, viewsVersion } from './emoji.ts';
import type { Design } from './format.ts';

/** Things that cannot be confused with one another, with names of one or two common words. */
export const everydayThings: readonly string[] = [
  'dog',
  'cat',
  'lion',
  'horse',
  'cow',
  'pig',
  'elephant',
  'rabbit',
  'penguin',
  'owl',
  'frog',
  'turtle',
  'snake',
  'fish',
  'butterfly',
  'banana',
  'grapes',
  'watermelon',
  'pineapple',
  'red apple',
  'strawberry',
  'carrot',
  'bread',
  'hamburger',
  'pizza',
  'ice cream',
  'birthday cake',
  'glasses',
  't-shirt',
  'umbrella',
  'guitar',
  'camera',
  'scissors',
  'key',
  'bus',
  'bicycle',
  'airplane',
  'sunflower',
  'cactus',
  'rainbow',
];

/** One classic style and one flat one. */
const artists: readonly Design[] = ['noto', 'twemoji'];

/** One picture of every thing by every artist, upright on light grey, class by class. */
export async function everydayPictures(size: number): Promise<PictureSet> {
  const classes = await namedClasses(everydayThings);
  const drawings = await readDrawings(classes, artists);
  const identity = { viewsVersion, everyday: artists, size, sheets: await sheetHashes(artists), classes };
  const length = 3 * size * size;
  const labels = drawings.map(({ class: { label } }) => everydayThings.indexOf(label));
  return {
    name: 'everyday things',
    classes: everydayThings,
    labels: Int32Array.from(labels),
    size,
    hash: sha256(JSON.stringify(identity)),
    async read(positions) {
      const data = new Uint8Array(positions.length * length);
      positions.forEach((position, index) => {
        const { cutOut, cell } = drawings[position]!;
        data.set(plainView(cutOut, randomFor(0, 'everyday', cell), size), index * length);
      });
      return { dtype: 'uint8', shape: [positions.length, 3, size, size], data };
    },
  };
}
