import { expect, test } from 'vitest';
import { formNames, named } from '../defenses/cbpt/inversion/forms.ts';
import { formOf, stageLine, stageWords, triggerWords } from './stage-words.ts';

test('every form has words for its card and its stages, and no name of a form is among them', () => {
  for (const { name } of named([...formNames, ...formNames])) {
    for (const end of ['', '-features', '-more-features', '-result']) {
      const line = stageLine(`invert-${name}${end}`);
      expect(line).toMatch(/^looking for a [a-z]/);
      expect(line).not.toMatch(/invert|sparse|-\d|-features|,$|,:/);
    }
  }
});

test('a second start says so, and names of other origin stay', () => {
  expect(triggerWords('sparse')).toBe('A pattern in a fixed place');
  expect(triggerWords('sparse-2')).toBe('A pattern in a fixed place, start 2');
  expect(triggerWords('patch')).toBe('A small patch, wherever it lies');
  expect(triggerWords('patch-alone')).toBe('A small patch, wherever it lies, the first class alone');
  expect(triggerWords('known-0')).toBe('known-0');
  expect(['sparse-2', 'patch-alone', 'constructor', 'known-0'].map(formOf)).toEqual([
    'sparse',
    'patch',
    undefined,
    undefined,
  ]);
});

test('stages of the same work have the same words, and differ in their part', () => {
  const work = 'looking for a small patch, wherever it lies';
  expect(stageWords('invert-patch')).toEqual({ work, part: null });
  expect(stageWords('invert-patch-heats-result')).toEqual({ work, part: 'result of the heats' });
  expect(stageWords('invert-patch-alone-features')).toEqual({
    work: `${work}, the first class alone`,
    part: 'its effect',
  });
  expect(stageLine('clean model: evaluate prompts')).toBe('measuring the clean model: prompts');
  expect(stageLine('tune')).toBe('tuning the prompts');
});

test('a stage without words keeps its name', () => {
  for (const stage of ['train', 'par', 'constructor', 'invert-', 'invert-other-features']) {
    expect(stageLine(stage)).toBe(stage);
  }
});
