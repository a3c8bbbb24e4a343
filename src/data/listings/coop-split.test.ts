/** @file CoOp's splits and shots. The numbers of Python's `random` were printed by CPython 3.11. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, test } from 'vitest';
import { chooseShots } from '../few-shot.ts';
import { openPictureSet } from '../open.ts';
import { PythonRandom } from '../python-random.ts';

test.each([
  [1, 50, 16, [8, 36, 4, 16, 7, 31, 28, 30, 41, 24, 13, 6, 44, 1, 40, 27], [38, 48, 0]],
  [2, 17, 16, [1, 2, 16, 5, 15, 11, 10, 4, 9, 3, 8, 0, 6, 14, 7, 12], [16, 11, 8]],
  [3, 1000, 16, [243, 606, 557, 133, 378, 937, 618, 485, 640, 594, 67, 620, 13, 930, 857, 480], [265, 564, 239]],
  [1, 300, 1, [68], [291]],
  [7, 100, 4, [41, 19, 50, 83], [6, 9, 68]],
])(
  "with seed %i, of %i numbers the %i that Python's random.sample draws, twice",
  (seed, from, count, first, second) => {
    const random = new PythonRandom(seed);
    expect(random.sample(from, count)).toEqual(first);
    expect(random.sample(from, count).slice(0, 3)).toEqual(second);
  },
);

test('shots are drawn class by class in the order of first pictures; a small class gives all it has', () => {
  const labels = Int32Array.from([...Array(50).fill(1), ...Array(3).fill(0), ...Array(50).fill(2)]);
  const pool = { name: 'split', classes: ['a', 'b', 'c'], labels, shotRule: 'coop' as const };
  const shots = chooseShots(pool, { perClass: 16, seed: 1 });
  expect(shots.slice(0, 16)).toEqual([8, 36, 4, 16, 7, 31, 28, 30, 41, 24, 13, 6, 44, 1, 40, 27]);
  expect(shots.slice(16, 19)).toEqual([50, 51, 52]);
  expect(shots.slice(19, 22)).toEqual([38, 48, 0].map((index) => 53 + index));
});

const config = {
  image: { resolution: 8 },
  preprocessing: { resize: 'shortest', interpolation: 'bicubic', centre: 'torchvision' },
} as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'antidote-coop-'));
  await mkdir(join(folder, 'jpg'));
  for (const level of [10, 20, 30, 40])
    await sharp({ create: { width: 8, height: 8, channels: 3, background: { r: level, g: level, b: level } } })
      .png()
      .toFile(join(folder, 'jpg', `${level}.png`));
});

async function split(content: unknown, name = 'split_zhou_Test.json'): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const parts = {
  train: [
    ['20.png', 1, 'red_apple'],
    ['10.png', 0, 'Banana'],
  ],
  val: [['30.png', 1, 'red_apple']],
  test: [
    ['40.png', 0, 'Banana'],
    ['10.png', 1, 'red_apple'],
  ],
};

async function levels(nameOrPath: string, options: Partial<Parameters<typeof openPictureSet>[1]> = {}) {
  const set = await openPictureSet(nameOrPath, { config, ...options });
  const { data } = await set.read([...set.labels.keys()]);
  return { classes: set.classes, pairs: [...set.labels].map((label, i) => [data[i * 3 * 64], label]) };
}

test('a split file gives its test pictures, its train pictures for shots, or the part that is named', async () => {
  const path = await split(parts);
  expect(await levels(path)).toEqual({
    classes: ['Banana', 'red apple'],
    pairs: [
      [40, 0],
      [10, 1],
    ],
  });
  const shots = await levels(path, { shots: { perClass: 1, seed: 1 } });
  expect(shots.pairs).toEqual([
    [20, 1],
    [10, 0],
  ]);
  expect((await levels(`${path}:train`)).pairs).toEqual(shots.pairs);
  expect((await levels(`${path}:val`, { classes: ['red apple', 'banana'] })).pairs).toEqual([[30, 0]]);
  expect((await levels(`${path}:val`, { classes: ['Red_Apple', 'banana'] })).pairs).toEqual([[30, 0]]);
  expect((await levels(path, { shots: 'all' })).pairs).toEqual(shots.pairs);
});

test('a class outside the list is refused with advice, and one without pictures gives no shots', async () => {
  const path = await split(parts);
  await expect(levels(path, { classes: ['Banana', 'pear'] })).rejects.toThrow(
    /test\[1\]: found the class "red apple", expected a name of the class list; --classes FILE names your classes/,
  );
  const shots = { perClass: 1, seed: 1 };
  await expect(levels(path, { classes: ['Banana', 'red apple', 'd'], shots })).rejects.toThrow(/no picture of "d"/);
});

test.each([
  ['a part that there is not', parts, ':dev', /:dev: found the part "dev", expected one of train, val, test/],
  ['a missing part', { ...parts, test: undefined }, '', /split_zhou_Test\.json: test: found .*CoOp's split/],
  [
    'an item of another form',
    { ...parts, test: [['40.png', 'Banana']] },
    '',
    /test\.0: found a list of 2 items, expected array to have >=3 items/,
  ],
  [
    'one label for two classes',
    { ...parts, test: [...parts.test, ['20.png', 0, 'pear']] },
    '',
    /test\[2\]: found "pear" for label 0/,
  ],
  [
    'a picture that is nowhere',
    {
      ...parts,
      test: [
        ['50.png', 0, 'a'],
        ['10.png', 1, 'b'],
      ],
    },
    '',
    /50\.png: found no such picture/,
  ],
  ['an empty part', { ...parts, test: [] }, '', /test: found no pictures/],
  ['text that is no JSON', '{"train": [', '', /found text that is not JSON.*CoOp's split/],
])('%s is refused, and named', async (_, content, part, message) => {
  await expect(levels(`${await split(content)}${part}`)).rejects.toThrow(message);
});
