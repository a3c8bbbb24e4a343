/** @file Lines show every spike, stop where there is no number, and can be read without seeing them. */
import { expect, test } from 'vitest';
import { toText } from './html.ts';
import { lineChart, thinned } from './line-chart.ts';

test('thinning a long line keeps its ends, its spikes and its gaps', () => {
  const values = Array.from({ length: 5000 }, (_, at) => Math.sin(at / 300));
  values[1234] = 9;
  values[4321] = -9;
  values[2500] = Number.NaN;
  const kept = thinned(values, 200);
  expect(kept.length).toBeLessThanOrEqual(210);
  expect(kept).toEqual(expect.arrayContaining([0, 1234, 2500, 4321, 4999]));
  expect(kept).toEqual([...kept].sort((a, b) => a - b));
});

test('a spike survives beside a value that is not finite', () => {
  const values = Array.from({ length: 5000 }, () => 1);
  for (let at = 0; at < 5000; at += 50) values[at] = at % 100 === 0 ? Number.NaN : Number.POSITIVE_INFINITY;
  values[1272] = 9;
  values[4321] = -9;
  expect(thinned(values, 200)).toEqual(expect.arrayContaining([1272, 4321]));
});

test('a short line is drawn point by point, from the top left', () => {
  const chart = toText(lineChart({ title: 'loss', steps: [1, 2, 3], lines: [{ name: 'total', values: [4, 2, 0] }] }));
  expect(chart).toContain('d="M0 0L50 50L100 100"');
  expect(chart).toContain('aria-label="loss: total from 4 to 0; steps 1 to 3"');
});

test('a value that is not a number breaks the line', () => {
  const lines = [{ name: 'total', values: [4, Number.NaN, 0, 2] }];
  expect(toText(lineChart({ title: 'loss', steps: [1, 2, 3, 4], lines }))).toContain('d="M0 0M66.67 100L100 50"');
});

test('every value appears under the pointer, one title per step', () => {
  const chart = toText(
    lineChart({
      title: 't',
      steps: [10, 20],
      lines: [
        { name: 'a', values: [1, 0.5] },
        { name: 'b', values: [3, 2] },
      ],
    }),
  );
  expect(chart).toContain('<title>step 20\na: 0.5\nb: 2</title>');
});

test('an empty or a single step chart has no broken geometry', () => {
  for (const steps of [[], [1]]) {
    expect(toText(lineChart({ title: 't', steps, lines: [{ name: 'a', values: steps }] }))).not.toMatch(
      /NaN%|Infinity|"NaN/,
    );
  }
});
