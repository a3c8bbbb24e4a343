import { expect, test } from 'vitest';
import { seedMean } from '../../evaluation/student.ts';
import { meanOf, plainMean, spreadOf } from './mean-numbers.ts';

test('a mean of three that differ has half of its interval behind it', () => {
  const mean = seedMean([50, 55, 60]);
  expect(plainMean(mean)).toBe('55.00 ± 12.42');
  expect(spreadOf(mean)).toBe('± 12.4');
});

test.each([
  ['a single value', [98.48]],
  ['two values', [50, 60]],
  ['values that are all equal', [0, 0, 0]],
])('%s shows no interval', (_, values) => {
  expect(plainMean(seedMean(values))).not.toContain('±');
  expect(spreadOf(seedMean(values))).toBe('');
});

test('nothing measured is a dash', () => {
  expect([meanOf(null), plainMean(null), spreadOf(null)]).toEqual(['–', '-', '']);
});
