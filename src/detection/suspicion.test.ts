import { expect, test } from 'vitest';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import type { DummyTrigger } from '../defenses/cbpt/inversion/examine.ts';
import type { Form } from '../defenses/cbpt/inversion/forms.ts';
import { cbptDefaults } from '../defenses/cbpt/purify.ts';
import { float32 } from '../tensor/tensor.ts';
import { doubtsAbout, scanLimits, suspicionOf } from './suspicion.ts';

const { belief } = cbptDefaults;

interface World {
  readonly classes?: number;
  readonly perClass?: number;
  /** Share of the shots that the model classifies correctly. */
  readonly recognised?: number;
  /** Every picture is taken for the first class, which most of them show. */
  readonly oneForAll?: boolean;
}

/** A model with prescribed predictions: embeddings of classes and shots are standard basis vectors. */
function judged(found: readonly (readonly [form: Form, dominant: string, concentration: number])[], world: World = {}) {
  const { classes = 100, perClass = 16, recognised = 0.8, oneForAll = false } = world;
  const names = Array.from({ length: classes }, (_, i) => `class ${i}`);
  const shots = classes * perClass;
  const labels = Int32Array.from({ length: shots }, (_, i) =>
    oneForAll ? (i % 5 === 0 ? (i / 5) % classes : 0) : i % classes,
  );
  const unit = (index: number) => Float32Array.from({ length: classes }, (_, i) => (i === index ? 1 : 0));
  const saidAt = (label: number, i: number) => (i < recognised * shots ? label : (label + 1) % classes);
  const said = Array.from(labels, (label, i) => (oneForAll ? 0 : saidAt(label, i)));
  const head = { classes: names, embedding: classes, scale: 1, embeddings: joined(names.map((_, i) => unit(i))) };
  const dummies = found.map(
    ([form, dominant, concentration]) => ({ name: form, form, dominant, concentration }) as unknown as DummyTrigger,
  );
  const seen = { zeroShot: head, clean: float32(joined(said.map(unit)), [shots, classes]) };
  const set = { classes: names, labels } as unknown as PictureSet;
  return suspicionOf({ dummies, used: [] }, doubtsAbout(seen, set), set, belief);
}

function joined(rows: readonly Float32Array[]): Float32Array {
  return Float32Array.from(rows.flatMap((row) => [...row]));
}

test('a believed dummy trigger is a backdoor, and its class the target', () => {
  const { verdict, targets, score, candidates, reasons } = judged([
    ['sparse', 'class 3', 0.4],
    ['patch', 'class 7', 0.96],
  ]);
  expect({ verdict, targets }).toEqual({ verdict: 'backdoor', targets: ['class 7'] });
  expect(score).toBeCloseTo(0.96 / belief.patch, 10);
  expect(candidates.map(({ label }) => label)).toEqual(['class 7', 'class 3']);
  expect(reasons[0]).toMatch(/^A small patch.* sends 96 % .* to "class 7": 85 % and more is a sign/);
});

test('the targets are the classes that believed triggers lead to, surest first', () => {
  const two = judged([
    ['sparse', 'class 3', 0.9],
    ['patch', 'class 5', 0.5],
    ['elsewhere', 'class 7', 0.99],
  ]);
  expect(two).toMatchObject({ verdict: 'backdoor', targets: ['class 7', 'class 3'] });
});

test('ordinary patterns are no backdoor, also where many forms were tried', () => {
  const { verdict, targets, score } = judged([
    ['sparse', 'class 1', 0.38],
    ['patch', 'class 2', 0.67],
    ['waves', 'class 3', 0.19],
  ]);
  expect({ verdict, targets }).toEqual({ verdict: 'clean', targets: [] });
  expect(score).toBeLessThan(scanLimits.doubt);
});

test('a concentration above ordinary patterns and below triggers is undecided, and the reason says what is between', () => {
  const { verdict, targets, reasons } = judged([
    ['patch', 'class 2', 0.96 * belief.patch],
    ['sparse', 'class 3', 0.4],
  ]);
  expect({ verdict, targets }).toEqual({ verdict: 'undecided', targets: [] });
  expect(reasons[0]).toMatch(
    /sends 81.6 % .*: more than such patterns reached in clean models, less than the 85 % that are a/,
  );
  expect(reasons[1]).toMatch(/sends 40 % .*, as such patterns did in clean models/);
});

test('a share just below the bar is not written like the bar', () => {
  expect(judged([['patch', 'class 2', 1341 / 1584]]).reasons[0]).toMatch(/sends 84.6 % .* less than the 85 % that/);
  expect(judged([['patch', 'class 2', 1346 / 1584]]).reasons[0]).toMatch(/sends 84.9 % .* less than the 85 % that/);
});

test('with few pictures a patch must be more concentrated, other forms need not', () => {
  const world = { classes: 20, perClass: 16 };
  expect(judged([['patch', 'class 2', 0.95]], world)).toMatchObject({ verdict: 'backdoor', targets: ['class 2'] });
  const between = judged([['patch', 'class 2', 0.9]], world);
  expect(between).toMatchObject({ verdict: 'undecided', targets: [] });
  expect(between.reasons).toEqual([expect.stringMatching(/sends 90 % .* less than the 93.5 % that are a sign/)]);
  expect(judged([['patch', 'class 2', 0.86]], world)).toMatchObject({ verdict: 'clean' });
  expect(judged([['sparse', 'class 2', 0.86]], world)).toMatchObject({ verdict: 'backdoor', targets: ['class 2'] });
});

test('a class is as suspect as the surest sign makes it, not the most concentrated one', () => {
  const found = judged(
    [
      ['patch', 'class 2', 0.92],
      ['sparse', 'class 2', 0.87],
    ],
    { classes: 20 },
  );
  expect(found).toMatchObject({ verdict: 'backdoor', targets: ['class 2'] });
  expect(found.candidates).toEqual([expect.objectContaining({ form: 'sparse' })]);
});

test('where a backdoor leads to a class outside the list, the reason says so', () => {
  const { verdict, targets, reasons } = judged([['patch', 'banana', 0.97]]);
  expect({ verdict, targets }).toEqual({ verdict: 'backdoor', targets: ['banana'] });
  expect(reasons[0]).toMatch(/to "banana", which is none of the classes: 85 %/);
});

test('a class that two forms lead to is listed once, with the larger score', () => {
  const { candidates } = judged([
    ['sparse', 'class 7', 0.9],
    ['patch', 'class 7', 0.99],
  ]);
  expect(candidates).toEqual([expect.objectContaining({ label: 'class 7', form: 'patch' })]);
});

test.each([
  ['few pictures', { classes: 20, perClass: 3 }, /There are 60 pictures/],
  ['half of few pictures of one class', { classes: 2, perClass: 40 }, /Only 40 pictures are of other classes/],
  [
    'a model that guesses',
    { recognised: 0.02 },
    /classifies 2 % of the pictures of a class correctly, hardly more than by chance/,
  ],
  [
    'a model that takes everything for the commonest class',
    { oneForAll: true },
    /classifies 1 % of the pictures of a class correctly, hardly more than by chance/,
  ],
] as const)('with %s the verdict is undecided for any finding, and the reason comes first', (_, world, reason) => {
  const suspicion = judged([['sparse', 'class 7', 1]], world);
  expect(suspicion).toMatchObject({ verdict: 'undecided', targets: [] });
  expect(suspicion.reasons[0]).toMatch(reason);
});

test.each([
  [2, 0.9, 0],
  [2, 0.7, 1],
  [3, 0.7, 0],
  [3, 0.6, 1],
  [10, 0.35, 0],
  [10, 0.25, 1],
])('%i classes and an accuracy of %d on the shots give %i doubts', (classes, recognised, doubts) => {
  expect(judged([], { classes, perClass: 100, recognised }).reasons).toHaveLength(doubts);
});

test('where nothing was inverted the verdict is clean', () => {
  expect(judged([])).toEqual({ verdict: 'clean', reasons: [], score: 0, targets: [], candidates: [] });
});
