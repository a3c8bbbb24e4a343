import { expect, test } from 'vitest';
import { float32 } from '../../../../tensor/tensor.ts';
import { inGroups, labelsOf, type Runner, stacked, unstacked } from './runners.ts';

const runner = (labels: readonly number[], value: number): Runner => ({
  labels,
  state: { mask: float32([value, value + 1], [1, 2]) },
  cost: value,
  nearest: labels[0]!,
});

test('a short group is filled with copies of its first runner, which are left out of the result', () => {
  const groups = inGroups([runner([1, 2], 1), runner([3, 4], 5), runner([5, 6], 9)], 2);
  expect(groups.map((group) => group.length)).toEqual([2, 1]);
  const [last] = groups.slice(-1);
  expect(labelsOf(last!, 2)).toEqual([5, 6, 5, 6]);
  const state = stacked(last!, 2);
  expect(state.mask).toEqual(float32([9, 10, 9, 10], [2, 1, 2]));
  const arrived = unstacked(last!, { ...state, cost: float32([0.5, 0.5], [2]), share: float32([1, 1], [2]) });
  expect(arrived).toEqual([{ ...runner([5, 6], 9), cost: 0.5 }]);
});

test('a runner records the class of its team that its patch came nearest to', () => {
  const group = [runner([7, 3], 1), runner([2, 8], 2)];
  const state = { ...stacked(group, 2), logits: float32([0.1, 0.4, -2, -3], [2, 2]) };
  expect(unstacked(group, state).map(({ nearest }) => nearest)).toEqual([3, 2]);
});

test('a cost is that of a picture of another class; a team that saw none but its own reached nothing', () => {
  const group = [runner([7, 3], 1), runner([2, 8], 2)];
  const state = { ...stacked(group, 2), cost: float32([0.3, 0], [2]), share: float32([0.6, 0], [2]) };
  const [first, second] = unstacked(group, state).map(({ cost }) => cost);
  expect(first).toBeCloseTo(0.5, 6);
  expect(second).toBe(Number.POSITIVE_INFINITY);
});

test('averages of costs and logits restart in every round', () => {
  const { cost, logits } = stacked([runner([7, 3, 1], 5)], 1);
  expect(cost).toEqual(float32([0], [1]));
  expect(logits).toEqual(float32([0, 0, 0], [1, 3]));
});
