import { expect, test } from 'vitest';
import { everydayPictures, everydayThings } from './everyday-pictures.ts';

test('the hash of the everyday pictures is that of these pictures, at one size, and of no others', async () => {
  const [set, again, larger] = await Promise.all([32, 32, 64].map(everydayPictures));
  expect(again!.hash).toBe(set!.hash);
  expect(larger!.hash).not.toBe(set!.hash);
  expect(set!.classes).toEqual(everydayThings);
});
