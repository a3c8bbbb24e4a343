import { expect, test } from 'vitest';
import { timeLeft } from './time-left.ts';

const plan = [
  { name: 'features', arithmetic: 100 },
  { name: 'invert', arithmetic: 300 },
  { name: 'tune', arithmetic: 600 },
];

test('the time left is the work left at the speed of the work done', () => {
  const left = timeLeft(plan);
  expect(left.at(0)).toBeUndefined();
  left.seen({ stage: 'features', step: 1, steps: 10 }, 1_000);
  expect(left.at(1_000)).toBeUndefined();
  left.seen({ stage: 'features', step: 10, steps: 10 }, 10_000);
  // 90 in 9 seconds, 900 are left.
  expect(left.at(10_000)).toBeCloseTo(90, 6);
  left.seen({ stage: 'invert', step: 50, steps: 100 }, 40_000);
  expect(left.at(40_000)).toBeCloseTo((750 * 39) / 240, 6);
  // The time left shrinks between two steps.
  expect(left.at(45_000)).toBeCloseTo((750 * 39) / 240 - 5, 6);
});

test('a resumed run counts from its first event, and stages that are not planned are ignored', () => {
  const left = timeLeft(plan);
  left.seen({ stage: 'report' }, 0);
  left.seen({ stage: 'elsewhere', step: 5, steps: 10 }, 0);
  left.seen({ stage: 'tune', step: 100, steps: 300 }, 0);
  left.seen({ stage: 'tune', step: 200, steps: 300 }, 50_000);
  expect(left.at(50_000)).toBeCloseTo(50, 6);
});

test('a stage without events does not count as work done', () => {
  const left = timeLeft(plan);
  left.seen({ stage: 'features', step: 0, steps: 10 }, 0);
  left.seen({ stage: 'features', step: 10, steps: 10 }, 10_000);
  left.seen({ stage: 'tune', step: 60, steps: 300 }, 22_000);
  // 220 in 22 seconds, 480 are left.
  expect(left.at(22_000)).toBeCloseTo(48, 6);
});

const courses = [
  { name: 'invert', arithmetic: 100 },
  { name: 'again', arithmetic: 200, onlyIf: 'something is found' },
  { name: 'race', arithmetic: 500, onlyIf: 'nothing is found' },
  { name: 'tune', arithmetic: 400 },
] as const;

test('of two courses the longer one counts, until one of them is taken', () => {
  const left = timeLeft(courses);
  left.seen({ stage: 'invert', step: 0, steps: 10 }, 0);
  left.seen({ stage: 'invert', step: 5, steps: 10 }, 5_000);
  // 50 in 5 seconds; 50 of its own, 500 of the longer course and 400 are left.
  expect(left.at(5_000)).toBeCloseTo(95, 6);
  left.seen({ stage: 'again', step: 10, steps: 10 }, 30_000);
  expect(left.at(30_000)).toBeCloseTo(40, 6);
});

test('the course of the last event is the one that counts', () => {
  const later = { name: 'judge', arithmetic: 50, onlyIf: 'something is found' } as const;
  const left = timeLeft([...courses.slice(0, 3), later, ...courses.slice(3)]);
  left.seen({ stage: 'race', step: 0, steps: 10 }, 0);
  left.seen({ stage: 'race', step: 5, steps: 10 }, 25_000);
  expect(left.at(25_000)).toBeCloseTo(65, 6);
  left.seen({ stage: 'judge', step: 1, steps: 2 }, 52_500);
  expect(left.at(52_500)).toBeCloseTo(42.5, 6);
});

test('a speed measured before is weighed with that of the first steps', () => {
  // 10 milliseconds for a unit of arithmetic: 10 seconds for all of it.
  const left = timeLeft(plan, 10);
  left.seen({ stage: 'features', step: 0, steps: 10 }, 0);
  expect(left.at(0)).toBeCloseTo(10, 6);
  // A tenth of the first stage, ten times as slow: 10 in one second, and 100 as reckoned.
  left.seen({ stage: 'features', step: 1, steps: 10 }, 1_000);
  expect(left.at(1_000)).toBeCloseTo((990 * (1_000 + 1_000)) / 110 / 1000, 6);
  // Half of all, as slow as that: what was seen counts five times as much as what was reckoned.
  left.seen({ stage: 'invert', step: 300, steps: 300 }, 40_000);
  left.seen({ stage: 'tune', step: 100, steps: 600 }, 50_000);
  expect(left.at(50_000)).toBeCloseTo((500 * (50_000 + 1_000)) / 600 / 1000, 6);
});

test('in a stage that is not planned the time left is undefined', () => {
  const left = timeLeft(plan);
  left.seen({ stage: 'tune', step: 100, steps: 300 }, 0);
  left.seen({ stage: 'tune', step: 200, steps: 300 }, 50_000);
  left.seen({ stage: 'clean model: evaluate', step: 1, steps: 10 }, 60_000);
  expect(left.at(60_000)).toBeUndefined();
});
