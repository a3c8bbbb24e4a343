import { expect, test } from 'vitest';
import { float32 } from '../../../tensor/tensor.ts';
import { inGroups, inTeams, labelsOf, type Runner, stacked, unstacked } from './runners.ts';

const runner = (labels: readonly number[], value: number): Runner => ({
  labels,
  state: { mask: float32([value, value + 1], [1, 2]) },
  cost: value,
});

test('teams that are split keep what they come from, and the last is filled with the first classes', () => {
  const split = inTeams([runner([7, 3, 5], 1), runner([2, 8], 2)], { teams: 3, members: 2 });
  expect(split.map(({ labels }) => labels)).toEqual([
    [7, 3],
    [5, 2],
    [8, 7],
  ]);
  expect(split.map(({ cost }) => cost)).toEqual([1, 1, 2]);
});

test('only as many teams go on as the next round has', () => {
  expect(inTeams([runner([4], 1), runner([6], 2), runner([9], 3)], { teams: 2, members: 1 })).toEqual([
    runner([4], 1),
    runner([6], 2),
  ]);
});

test('a group that does not come out even runs with copies of its first, which are not among those that arrive', () => {
  const groups = inGroups([runner([1, 2], 1), runner([3, 4], 5), runner([5, 6], 9)], 2);
  expect(groups.map((group) => group.length)).toEqual([2, 1]);
  const [last] = groups.slice(-1);
  expect(labelsOf(last!, 2)).toEqual([5, 6, 5, 6]);
  const state = stacked(last!, 2);
  expect(state.mask).toEqual(float32([9, 10, 9, 10], [2, 1, 2]));
  const arrived = unstacked(last!, { ...state, cost: float32([0.5, 0.5], [2]) });
  expect(arrived).toEqual([{ ...runner([5, 6], 9), cost: 0.5 }]);
});
