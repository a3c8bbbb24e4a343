/** @file Printed numbers claim neither more nor less than was measured. */
import { expect, test } from 'vitest';
import { count, duration, intervalOf, percent, points, sampleOf, shortened, significant } from './numbers.ts';

test('small percentages have two decimals, and only an exact 0 or 1 looks like one', () => {
  expect([0, 0.00303, 0.0039, 0.045, 0.979, 0.9996, 1].map(percent)).toEqual([
    '0\u202f%',
    '0.30\u202f%',
    '0.39\u202f%',
    '4.5\u202f%',
    '97.9\u202f%',
    '>\u202f99.9\u202f%',
    '100\u202f%',
  ]);
});

test('a small share is never printed as 0', () => {
  expect([0.00001, 0.00004, 0.00006].map(percent)).toEqual(['<\u202f0.01\u202f%', '<\u202f0.01\u202f%', '0.01\u202f%']);
  expect(intervalOf({ hits: 1, of: 100_000 })).toBe('<\u202f0.01–0.01\u202f%');
  expect(intervalOf({ hits: 0, of: 1_000_000 })).toBe('0–<\u202f0.01\u202f%');
});

test('an interval has both bounds, and small bounds have two decimals', () => {
  expect(intervalOf({ hits: 3, of: 990 })).toBe('0.10–0.89\u202f%');
  expect(intervalOf({ hits: 0, of: 20 })).toBe('0–16.1\u202f%');
});

test('views of few drawings widen the interval, and the sample says how many drawings there are', () => {
  const views = { hits: 0, of: 396, clusters: { sources: 99, effective: 99 } };
  expect(intervalOf(views)).toBe('0–3.7\u202f%');
  expect(sampleOf(views)).toBe('396 (views of 99)');
  expect(sampleOf({ ...views, clusters: { sources: 396, effective: 396 } })).toBe('396');
  expect(sampleOf({ hits: 0, of: 20 })).toBe('20');
});

test('in an interval, too, only 100 is "100"', () => {
  expect(intervalOf({ hits: 1179, of: 1180 })).toBe('99.5–>\u202f99.9\u202f%');
  expect(intervalOf({ hits: 1180, of: 1180 })).toBe('99.7–100\u202f%');
});

test('differences have a sign unless they round to 0', () => {
  expect([0.045, -0.009, -0.0001].map(points)).toEqual(['+4.5', '\u22120.9', '0.0']);
});

test('counts, measures and times are written the way they are read', () => {
  expect([990, 9999, 12345, 1234567].map(count)).toEqual(['990', '9999', '12\u202f345', '1\u202f234\u202f567']);
  expect([0, 1.23456, -0.5, 1234, 0.00002, 3e6].map(significant)).toEqual([
    '0',
    '1.23',
    '\u22120.5',
    '1230',
    '2.0e\u22125',
    '3.0e6',
  ]);
  expect([0.44, 9.96, 59.6, 185, 7799].map(duration)).toEqual([
    '0.4\u202fs',
    '10\u202fs',
    '1\u202fmin 00\u202fs',
    '3\u202fmin 05\u202fs',
    '2\u202fh 10\u202fmin',
  ]);
});

test('a long name loses its middle and never half an emoji', () => {
  expect(shortened('x'.repeat(200), 11)).toBe('xxxxx…xxxxx');
  expect(shortened('👩\u200d🚀'.repeat(9), 5)).toBe('👩\u200d🚀👩\u200d🚀…👩\u200d🚀👩\u200d🚀');
  expect(shortened('banana')).toBe('banana');
});
