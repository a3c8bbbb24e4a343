/** @file What events become when they are drawn. */
import { expect, test } from 'vitest';
import { allCurves, lossCurves } from './course.ts';

const training = [
  { stage: 'trigger', step: 1, loss: 5 },
  { stage: 'train', step: 1, loss: 4, gradient: 9 },
  { stage: 'train', step: 2, loss: 2.5, gradient: 7, top1: 21, top5: 41 },
  { stage: 'train', step: 3, loss: 2, gradient: 6 },
  { stage: 'evaluate', step: 64, steps: 128 },
];

test('every stage with losses has a chart of them', () => {
  expect(lossCurves(training)).toEqual([
    { title: 'trigger', steps: [1], lines: [{ name: 'loss', values: [5] }] },
    { title: 'train', steps: [1, 2, 3], lines: [{ name: 'loss', values: [4, 2.5, 2] }] },
  ]);
});

test('measures at intervals have a chart of their own, with their steps', () => {
  expect(allCurves(training).map(({ title }) => title)).toEqual([
    'trigger',
    'train',
    'train: measured on the way, %',
    'train: norm of the gradient',
  ]);
  expect(allCurves(training)[2]).toEqual({
    title: 'train: measured on the way, %',
    steps: [2],
    lines: [
      { name: 'top1', values: [21] },
      { name: 'top5', values: [41] },
    ],
  });
});

test('a measure that a step lacks leaves a gap', () => {
  const [losses] = lossCurves([
    { stage: 'tune', step: 1, loss: 2, clean: 1 },
    { stage: 'tune', step: 2, loss: 1 },
  ]);
  expect(losses?.lines[1]).toEqual({ name: 'clean', values: [1, Number.NaN] });
});
