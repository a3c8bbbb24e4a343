import { expect, test } from 'vitest';
import { warmupCosine } from './schedule.ts';

test('the rate rises linearly, peaks at the end of the warm-up, and falls to nearly zero', () => {
  const rate = (step: number) => warmupCosine(step, 100, 1, 10);
  expect(rate(1)).toBeCloseTo(0.1);
  expect(rate(10)).toBe(1);
  expect(rate(11)).toBe(1);
  expect(rate(56)).toBeCloseTo(0.5, 6);
  expect(rate(100)).toBeGreaterThan(0);
  expect(rate(100)).toBeLessThan(0.001);
  for (let step = 12; step <= 100; step++) expect(rate(step)).toBeLessThan(rate(step - 1));
});
