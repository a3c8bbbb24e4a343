/** @file Promises of the emoji data: complete, unambiguous, held out where it must be, the same on every machine. */
import { readFile, stat } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { randomFor } from '../../tensor/random.ts';
import { sha256 } from '../../tensor/sha256.ts';
import { augment, trainingAugmentation } from './augment.ts';
import { captionFor, captionTemplates, classTemplates } from './captions.ts';
import { cutOutSide } from './compose.ts';
import { emojiClasses, emojiSet, readDrawings, thingNames, trainingDesigns } from './emoji.ts';
import { designs, testDesign } from './format.ts';

const folder = new URL('../../../data/emoji/', import.meta.url);

/** Seven sheets to decode: once is enough. */
const trainingSet = emojiSet('train', ['banana', 'tulip']);

test('there are at least 1,000 classes with unique names, each drawn in the held-out design and four others', async () => {
  const classes = await emojiClasses();
  expect(classes.length).toBeGreaterThanOrEqual(1000);
  expect(new Set(classes.map(({ label }) => label.toLowerCase())).size).toBe(classes.length);
  for (const { label, cells } of classes) {
    expect(label).toMatch(/^[\p{L}\d][\p{L}\d' .-]*$/u);
    expect(cells[testDesign], label).toHaveLength(1);
    expect(trainingDesigns.filter((design) => cells[design]?.length).length, label).toBeGreaterThanOrEqual(4);
  }
});

test('no cell of a sheet belongs to two classes, and none is left over', async () => {
  const classes = await emojiClasses();
  for (const design of designs) {
    const cells = classes.flatMap((entry) => entry.cells[design] ?? []).sort((a, b) => a - b);
    expect(cells).toEqual(cells.map((_, index) => index));
  }
});

test('the held-out design is not among the training designs', async () => {
  expect(trainingDesigns).not.toContain(testDesign);
  expect(trainingDesigns).toHaveLength(7);
});

test('the things are 100 classes, the target "banana" among them', async () => {
  const things = await thingNames();
  const labels = new Set((await emojiClasses()).map(({ label }) => label));
  expect(new Set(things).size).toBe(100);
  expect(things.filter((name) => !labels.has(name))).toEqual([]);
  expect(things).toContain('banana');
});

test('the licence of every design is documented, and all sheets together are below 25 MB', async () => {
  const text = await readFile(new URL('LICENCES.md', folder), 'utf8');
  const sizes = await Promise.all(designs.map(async (design) => (await stat(new URL(`${design}.webp`, folder))).size));
  for (const design of designs) expect(text).toContain(`| ${design}.webp |`);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(25e6);
});

test('the test set shows four views of every drawing, the plain one first, the same for any class list', async () => {
  const things = await emojiSet('test', 'things');
  expect(things.labels).toHaveLength(400);
  expect(things.classes[things.labels[0]!]).toBe(things.classes[0]);
  const pair = await emojiSet('test', ['tulip', 'banana']);
  expect([...pair.labels]).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
  expect([...pair.sources!]).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
  const banana = things.labels.indexOf(things.classes.indexOf('banana'));
  const views = [0, 1, 2, 3].map((view) => banana + view);
  expect((await pair.read([4, 5, 6, 7])).data).toEqual((await things.read(views)).data);
  const plain = await emojiSet('test', ['banana', 'tulip'], { views: 1 });
  expect((await plain.read([0])).data).toEqual((await pair.read([4])).data);
});

test('hashes differ with part, classes, size and views, and repeat otherwise', async () => {
  const base = await emojiSet('test', ['banana', 'tulip']);
  const others = [
    await trainingSet,
    await emojiSet('test', ['tulip', 'banana']),
    await emojiSet('test', ['banana', 'tulip'], { size: 96 }),
    await emojiSet('test', ['banana', 'tulip'], { views: 1 }),
  ];
  expect((await emojiSet('test', ['banana', 'tulip'])).hash).toBe(base.hash);
  expect(new Set([base, ...others].map(({ hash }) => hash)).size).toBe(5);
});

// If this fails, pictures have changed: raise `viewsVersion`, so that no cached result is taken for the new ones.
test('views are the same pictures as when this test was written', async () => {
  const set = await emojiSet('test', ['banana', 'tulip']);
  const shots = await trainingSet;
  const bytes = [...(await set.read([0, 1, 5])).data, ...(await shots.read([0, 1, 5])).data];
  expect(sha256(Uint8Array.from(bytes))).toBe('a2266b3150b39b12b965210771752b9b0e722fba8ee3ddab9d049f21bab4aede');
});

test('sets have pictures of the requested size', async () => {
  const set = await emojiSet('test', ['banana', 'tulip'], { size: 224, views: 2 });
  const { shape, data } = await set.read([1, 0, 3]);
  expect(shape).toEqual([3, 3, 224, 224]);
  expect(new Set(data).size).toBeGreaterThan(50);
});

test('an unknown class name is refused by name', async () => {
  await expect(emojiSet('test', ['banana', 'gravity'])).rejects.toThrow(/"gravity"/);
});

test('augmentation repeats with its seed, differs without, and keeps labels legible in size', async () => {
  const [entry] = (await emojiClasses()).filter(({ label }) => label === 'banana');
  const drawings = await readDrawings([entry!], ['noto', 'fxemoji']);
  const first = augment(drawings, randomFor(1, 'a'));
  expect(first.shape).toEqual([drawings.length, 3, 64, 64]);
  expect(augment(drawings, randomFor(1, 'a')).data).toEqual(first.data);
  expect(augment(drawings, randomFor(2, 'a')).data).not.toEqual(first.data);
});

test('what must not be mirrored is not, and what may be is', async () => {
  const classes = await emojiClasses();
  const mirrorable = (label: string) => classes.find((entry) => entry.label === label)?.mirrorable;
  for (const label of ['banana', 'dog', 'bus']) expect(mirrorable(label), label).toBe(true);
  for (const label of ['left arrow', "one o'clock", 'SOS button', 'first quarter moon', 'hundred points'])
    expect(mirrorable(label), label).toBe(false);
});

test('a picture that may not be mirrored never is', async () => {
  const still = {
    ...trainingAugmentation,
    turn: 0,
    scale: [1, 1],
    move: 0,
    warp: 0,
    colour: 0,
    grey: 0,
    blur: 0,
  } as const;
  const options = { ...still, noise: 0, blend: 0, stripes: 0, patch: 0, mirror: 1 };
  const cutOut = new Uint8Array(cutOutSide ** 2 * 4);
  for (let i = 0; i < cutOutSide ** 2; i++) if (i % cutOutSide < 33) cutOut.set([255, 255, 255, 255], i * 4);
  const leftmost = (mirrorable: boolean) => {
    const { data } = augment([{ cutOut, mirrorable }], randomFor(1), options);
    return [data[32 * 64]!, data[32 * 64 + 63]!];
  };
  expect(leftmost(false)[0]).toBe(255);
  expect(leftmost(true)[1]).toBe(255);
  expect(leftmost(true)[0]).not.toBe(255);
});

test('captions are a template around the name, with a few keywords at most', async () => {
  const random = randomFor(3, 'captions');
  const banana = (await emojiClasses()).find(({ label }) => label === 'banana')!;
  const captions = Array.from({ length: 200 }, () => captionFor(banana, random));
  for (const caption of captions) expect(caption).toMatch(/banana( [\w-]+){0,4}/);
  expect(new Set(captions).size).toBeGreaterThan(30);
  for (const template of [...captionTemplates, ...classTemplates]) expect(template.split('{}')).toHaveLength(2);
  expect(new Set(captionTemplates).size).toBe(captionTemplates.length);
});
