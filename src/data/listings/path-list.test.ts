import { expect, test } from 'vitest';
import { collectPaths, pathList } from './path-list.ts';

test('paths of any characters are returned unchanged', () => {
  const paths = ['a/b/1.png', '2.png', '/x/ü 猫.jpg', '/x/', 'C:\\d\\e.png', 'a/b/3.png', '', '/x/ü 猫.jpg'];
  const list = pathList(paths);
  expect(list.length).toBe(paths.length);
  expect(paths.map((_, position) => list.at(position))).toEqual(paths);
});

test('a position outside the list is refused', () => {
  const list = pathList(['a']);
  expect(() => list.at(1)).toThrow(RangeError);
  expect(() => list.at(-1)).toThrow(RangeError);
  expect(pathList([]).length).toBe(0);
});

test('a list that was taken does not change when more is collected', () => {
  const collected = collectPaths();
  collected.add('a/1');
  const list = collected.list();
  for (let i = 0; i < 2000; i++) collected.add(`b/${i}`);
  expect(list.length).toBe(1);
  expect(list.at(0)).toBe('a/1');
  expect(collected.list().at(2000)).toBe('b/1999');
});
