/** @file Axes hold their values and carry round numbers. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { roundStep, shareScale, stepScale, valueScale } from './scale.ts';

test('steps are 1, 2 or 5 times a power of ten', () => {
  expect([roundStep(1, 4), roundStep(7, 4), roundStep(0.03, 5), roundStep(4000, 4)]).toEqual([0.5, 2, 0.01, 1000]);
});

test('any values lie on their axis, between ticks that are evenly spaced and few', () => {
  const value = fc.double({ min: -1e9, max: 1e9, noNaN: true });
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 20 }), (values) => {
      const scale = valueScale(values);
      for (const one of values) {
        expect(scale.at(one)).toBeGreaterThanOrEqual(0);
        expect(scale.at(one)).toBeLessThanOrEqual(100);
      }
      expect(scale.ticks.length).toBeGreaterThanOrEqual(2);
      expect(scale.ticks.length).toBeLessThanOrEqual(7);
    }),
    { seed: 7 },
  );
});

test('an axis near zero begins there, one far from it does not', () => {
  expect(valueScale([0.1, 3.9]).ticks).toEqual([0, 1, 2, 3, 4]);
  expect(valueScale([100, 104]).low).toBe(100);
});

test('constant, empty and unbounded series still have an axis', () => {
  expect(valueScale([2, 2])).toMatchObject({ low: 0, high: 3 });
  expect(valueScale([]).ticks).toEqual([0, 0.5, 1]);
  expect(valueScale([Number.NaN, Number.POSITIVE_INFINITY, 1, 2]).high).toBe(2);
});

test('steps run from the first to the last, with whole numbers below', () => {
  const scale = stepScale([1, 2, 120]);
  expect([scale.at(1), scale.at(120)]).toEqual([0, 100]);
  expect(scale.ticks).toEqual([1, 50, 100]);
  expect(stepScale([1]).at(1)).toBe(0);
  expect(shareScale.at(0.333)).toBe(33.3);
});
