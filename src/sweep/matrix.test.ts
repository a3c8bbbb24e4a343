import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { builtInModels } from '../checkpoints/built-in.ts';
import { builtInClasses } from '../data/classes.ts';
import { defenses } from '../defenses/defenses.ts';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { type Matrix, readMatrix, tasksOf } from './matrix.ts';

const folder = temporaryFolder();

async function read(text: string): Promise<Matrix> {
  const path = join(folder(), 'matrix.yaml');
  await writeFile(path, text);
  return readMatrix(path, defenses);
}

const smallest = 'attacks: [badnet]\ndefenses: [none]\nseeds: [1]\nclasses: [things]\n';

test('every matrix of the package is valid and uses built-in models and classes', async () => {
  const folder = fileURLToPath(new URL('../../bench', import.meta.url));
  const files = (await readdir(folder)).filter((name) => name.endsWith('.yaml'));
  expect(files.length).toBeGreaterThan(5);
  for (const name of files) {
    const tasks = tasksOf(await readMatrix(join(folder, name), defenses));
    expect(tasks.length, name).toBeGreaterThan(0);
    for (const { model, classes, data } of tasks) {
      expect(builtInModels, name).toContain(model);
      expect(Object.keys(builtInClasses), name).toContain(classes);
      expect(data, name).toMatch(/^emoji:train/);
    }
  }
});

test('the smallest matrix is one cell, with every option at its default', async () => {
  const [task, ...others] = tasksOf(await read(smallest));
  expect(others).toEqual([]);
  expect(task).toMatchObject({
    attack: 'badnet',
    model: 'emoji-clip:badnet',
    trigger: 'badnet',
    defense: 'none',
    seed: 1,
    classes: 'things',
    shots: 16,
    data: 'emoji:train',
    test: 'emoji:test',
  });
});

test('every combination is a cell, and cells of one model and class list are adjacent', async () => {
  const text = `attacks: [badnet, badnet-fixed]
models: [{ name: mine, model: ./my-clip, trigger: ./t.safetensors, target: dog }]
defenses: [none, cbpt]
seeds: [1, 2, 3]
classes: [things, emoji]
shots: [1, 16]
options: { cbpt: { tuning: { steps: 7 } } }`;
  const tasks = tasksOf(await read(text));
  expect(tasks).toHaveLength(3 * 2 * 3 * 2 * 2);
  expect(new Set(tasks.map((task) => JSON.stringify(task))).size).toBe(tasks.length);
  expect(tasks.slice(0, 24).every(({ attack }) => attack === 'badnet')).toBe(true);
  expect(tasks.slice(0, 12).every(({ classes }) => classes === 'things')).toBe(true);
  expect(tasks.at(-1)).toMatchObject({ attack: 'mine', model: './my-clip', target: 'dog', seed: 3, shots: 16 });
  expect(tasks.at(-1)?.options).toMatchObject({ tuning: { steps: 7, contexts: 'class-wise' } });
});

test('a row may have shots of its own: of other data, or with wrong labels', async () => {
  const text = `attacks: [badnet]
models:
  - { name: one design, model: 'emoji-clip:badnet', trigger: badnet, data: 'emoji:train:noto' }
  - { name: careless, model: 'emoji-clip:badnet', trigger: badnet, wrongLabels: 0.1 }
defenses: [none]
seeds: [1]
classes: [things]`;
  const usual = { data: 'emoji:train', wrongLabels: 0 };
  expect(tasksOf(await read(text))).toMatchObject([
    usual,
    { ...usual, data: 'emoji:train:noto' },
    { ...usual, wrongLabels: 0.1 },
  ]);
});

test('a weight may be a fraction where its default is none, and an oracle may have rows with triggers of their own', async () => {
  const text = `${smallest.replace('none', 'cbpt, oracle')}models: [{ name: mine, model: x, trigger: badnet }]
options: { cbpt: { tuning: { anchorWeight: 0.5, warmup: 0 } } }`;
  expect((await read(text)).options.cbpt).toMatchObject({ tuning: { anchorWeight: 0.5, warmup: 0 } });
});

const mistakes: readonly (readonly [what: string, text: string, message: RegExp])[] = [
  [
    'an unknown attack',
    smallest.replace('[badnet]', '\n  - badnet\n  - wanet-'),
    /:3: attacks\[1\]: found "wanet-", expected one of badnet/,
  ],
  [
    'an unknown defense',
    smallest.replace('[none]', '[none, prayer]'),
    /:2: defenses\[1\]: found "prayer", expected one of none, /,
  ],
  [
    'a key of an attack that has none',
    smallest.replace('[badnet]', "['badnet:word']"),
    /:1: attacks\[0\]: found ":word" after badnet, expected it after an attack that has a patch and a word/,
  ],
  [
    'a key of an unknown attack',
    smallest.replace('[badnet]', "['nothing:word']"),
    /:1: attacks\[0\]: found "nothing:word", expected one of badnet/,
  ],
  ['an unknown key', `${smallest}shot: 4\n`, /:5: shot: found .*, expected no such key/],
  ['a missing axis', smallest.replace('seeds: [1]\n', ''), /seeds: found nothing, expected array/],
  [
    'an empty axis',
    smallest.replace('[1]', '[]'),
    /:3: seeds: found an empty list, expected a list with at least one entry/,
  ],
  ['an axis that is no list', smallest.replace('[things]', 'things'), /:4: classes: found "things", expected array/],
  ['an entry that stands twice', smallest.replace('[1]', '[1, 2, 1]'), /:3: seeds\[2\]: found 1 a second time/],
  [
    'a defense that stands twice',
    smallest.replace('[none]', '[none, none]'),
    /:2: defenses\[1\]: found "none" a second time/,
  ],
  [
    'a model named like an attack',
    `${smallest}models: [{ name: badnet, model: x }]`,
    /:5: models\[0\]: found "badnet" a second time/,
  ],
  ['neither attack nor model', smallest.replace('attacks: [badnet]\n', ''), /found neither attacks nor models/],
  ['a seed that is no number', smallest.replace('[1]', '[one]'), /:3: seeds\[0\]: found "one", expected number/],
  [
    'a misspelt key, which comes before the missing one',
    `${smallest}models: [{ nam: mine, model: x }]`,
    /models\[0\]\.nam: found "mine", expected no such key/,
  ],
  [
    'a share of wrong labels that leaves none right',
    `${smallest}models: [{ name: mine, model: x, wrongLabels: 1 }]`,
    /:5: models\[0\]\.wrongLabels: found 1, expected number to be <1/,
  ],
  ['no shots', `${smallest}shots: 0`, /:5: shots: found 0, expected number to be >=1/],
  [
    'an unknown option',
    `${smallest.replace('none', 'cbpt')}options:\n  cbpt:\n    tuning:\n      stepz: 3`,
    /:8: options\.cbpt\.tuning\.stepz: found an unknown option, expected one of steps, /,
  ],
  [
    'an option of another kind',
    `${smallest.replace('none', 'cbpt')}options: { cbpt: { tuning: { steps: many } } }`,
    /:5: options\.cbpt\.tuning\.steps: found "many", expected a number/,
  ],
  [
    'an option that is no choice',
    `${smallest.replace('none', 'cbpt')}options: { cbpt: { inversion: { variant: colapse } } }`,
    /:5: options\.cbpt\.inversion\.variant: found "colapse", expected one of farthest-text, collapse/,
  ],
  [
    'options of a defense that is not in the matrix',
    `${smallest}options: { cbpt: {} }`,
    /:5: options\.cbpt: found options of "cbpt", expected a defense of this matrix: none/,
  ],
  ['a key that stands twice', `${smallest}seeds: [2]`, /:5: found map keys must be unique/],
  ['broken YAML', `${smallest}shots: [1`, /:5: found flow sequence/],
  ['another document altogether', '[1, 2]', /:1: found a list of 2 items, expected object/],
  [
    'more cells than can be meant',
    smallest.replace('[1]', `[${Array.from({ length: 20_001 }, (_, i) => i).join(', ')}]`),
    /found 20001 cells, expected at most 20000/,
  ],
  [
    'a number of steps below one',
    `${smallest.replace('none', 'cbpt')}options: { cbpt: { tuning: { steps: -3 } } }`,
    /:5: options\.cbpt\.tuning\.steps: found -3, expected a whole number, at least 1/,
  ],
  [
    'half a step',
    `${smallest.replace('none', 'par')}options: { par: { steps: 1.5 } }`,
    /:5: options\.par\.steps: found 1\.5, expected a whole number, at least 1/,
  ],
  [
    'a weight below zero',
    `${smallest.replace('none', 'cbpt')}options: { cbpt: { tuning: { anchorWeight: -0.5 } } }`,
    /:5: options\.cbpt\.tuning\.anchorWeight: found -0\.5, expected a number that is not below 0/,
  ],
  [
    'no form of trigger at all, which would be another defense',
    `${smallest.replace('none', 'cbpt')}options: { cbpt: { forms: [] } }`,
    /:5: options\.cbpt\.forms: found an empty list, expected at least one entry/,
  ],
  [
    'a form that is no name',
    `${smallest.replace('none', 'cbpt')}options: { cbpt: { forms: [3] } }`,
    /:5: options\.cbpt\.forms: found 3, expected one of additive/,
  ],
  [
    'an oracle on a model without a trigger',
    `${smallest.replace('none', 'none, oracle')}models: [{ name: mine, model: x }]`,
    /:5: models\[0\]\.trigger: found none, expected a trigger, which the defense "oracle" of this matrix needs; give/,
  ],
];

test.each(mistakes)('%s is refused by line and key', async (_, text, message) => {
  await expect(read(text)).rejects.toMatchObject({ fault: 'data', message: expect.stringMatching(message) });
});

test('aliases that expand exponentially are refused', async () => {
  const levels = Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(', ')}]`);
  await expect(read(`a0: &a0 [x]\n${levels.join('\n')}\n${smallest}`)).rejects.toThrow(/expected at most 100 aliases/);
});

test('an alias inside its own value is refused, and so are deep brackets, before they are parsed', async () => {
  await expect(read(`${smallest}data: &a [*a]`)).rejects.toThrow(
    /matrix\.yaml: found an alias inside what it stands for/,
  );
  await expect(read(`${smallest}data: ${'['.repeat(500_000)}`)).rejects.toThrow(/brackets more than 100 deep/);
});

test('the error for a missing file names it', async () => {
  const path = join(folder(), 'nowhere.yaml');
  await expect(readMatrix(path, defenses)).rejects.toThrow(`${path}: found no such file or folder`);
});
