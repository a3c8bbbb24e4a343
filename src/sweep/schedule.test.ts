import { expect, test } from 'vitest';
import { tinyCell } from '../../test/sweep/tiny-cell.ts';
import { groupOf, scheduleOf } from './schedule.ts';

const cells = ['a', 'b'].flatMap((model) =>
  ['none', 'coop', 'cbpt'].map((defense) => tinyCell(defense, {}, { model, attack: model })),
);
const names = (taken: (typeof cells)[number] | undefined) => taken && `${taken.task.model} ${taken.task.defense}`;

test('two processes work on different models, and each keeps its model', () => {
  const schedule = scheduleOf(cells);
  const [one, other] = [schedule.take(undefined)!, schedule.take(undefined)!];
  expect([names(one), names(other)]).toEqual(['a none', 'b none']);
  expect(names(schedule.take(groupOf(one)))).toBe('a coop');
  expect(names(schedule.take(groupOf(other)))).toBe('b coop');
});

test('a process whose model is done takes waiting cells of another model', () => {
  const schedule = scheduleOf(cells);
  const first = schedule.take(undefined)!;
  const other = schedule.take(undefined)!;
  const group = groupOf(first);
  schedule.take(group);
  schedule.take(group);
  expect(names(schedule.take(group))).toBe('b coop');
  expect(names(schedule.take(groupOf(other)))).toBe('b cbpt');
  expect(schedule.take(group)).toBeUndefined();
});

test('a cell that is put back is taken first', () => {
  const schedule = scheduleOf(cells);
  const first = schedule.take(undefined)!;
  schedule.putBack(first);
  expect(schedule.take(groupOf(first))).toBe(first);
});
