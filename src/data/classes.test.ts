/** @file Class lists: built in, from text and JSON files, and refusals. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { classKey, classLimits, openClasses, plainPrompt } from './classes.ts';
import { testFiles } from './picture-files.test-support.ts';

const { root, text } = testFiles();

test('names that differ in case, underscores and repeated spaces are one class', () => {
  for (const name of ['red apple', 'Red_Apple', ' red  apple ', 'RED__apple']) expect(classKey(name)).toBe('red apple');
  expect(classKey('red-apple')).not.toBe('red apple');
});

test('built-in class lists have their number of names and prompts', async () => {
  const [things, emoji, imagenet] = await Promise.all(['things', 'emoji', 'imagenet'].map(openClasses));
  expect(things?.names).toHaveLength(100);
  expect(emoji?.names.length).toBeGreaterThanOrEqual(1000);
  expect(emoji?.templates).toEqual(things?.templates);
  expect(imagenet?.names[954]).toBe('banana');
  expect(imagenet?.templates).toHaveLength(80);
});

test('few-things has ten of the things with the target, things-but-target all of them without it', async () => {
  const things = new Set((await openClasses('things')).names);
  const { names: few } = await openClasses('few-things');
  expect(few).toHaveLength(10);
  expect(few.every((name) => things.has(name))).toBe(true);
  expect(few).toContain('banana');
  const { names: others } = await openClasses('things-but-target');
  expect(others).toHaveLength(things.size - 1);
  expect(others).not.toContain('banana');
});

test('class files are lines or a JSON array, with names in any script', async () => {
  const names = ['Apfelbäumchen', 'バナナ', 'red apple'];
  const expected = { names, templates: [plainPrompt], prompt: plainPrompt };
  expect(await openClasses(await text('names.txt', `\uFEFF${names.join('\r\n')}\r\n\r\n`))).toEqual(expected);
  expect(await openClasses(await text('names.json', JSON.stringify(names)))).toEqual(expected);
});

test('a class file may bring its own prompts', async () => {
  const list = { classes: ['cat', 'dog'], templates: ['a sketch of a {}', '{} in ink'] };
  const opened = await openClasses(await text('list.json', JSON.stringify(list)));
  expect(opened).toEqual({ names: list.classes, templates: list.templates, prompt: 'a sketch of a {}' });
  const named = await openClasses(await text('prompt.json', JSON.stringify({ ...list, prompt: 'one {}' })));
  expect(named.prompt).toBe('one {}');
});

test("a class file may have ImageNet's names, whose duplicates any other list is refused for", async () => {
  const { names } = await openClasses('imagenet');
  expect((await openClasses(await text('imagenet.txt', `${names.join('\n')}\n`))).names).toEqual(names);
  const another = await text('almost.txt', names.with(0, 'a tench').join('\n'));
  await expect(openClasses(another)).rejects.toThrow(/"missile" a second time/);
});

test.each([
  ['no such file', undefined, /no such file, expected a file of class names or one of things, few-things, /],
  ['an empty file', '', /an empty name|no class/],
  ['an empty array', '[]', /found no class, expected at least two/],
  ['an empty line between names', 'a\n\nb\n', /class 2: found an empty name/],
  ['one name', 'a\n', /one class \("a"\), expected at least two/],
  ['a repeated name', 'Apple\nb\napple \n', /class 3: found "apple" a second time.*class 1 has it/],
  ['a name repeated with an underscore', 'red apple\nRed_apple\n', /class 2: found "Red_apple" a second time/],
  [
    'an over-long name',
    `a\n${'x'.repeat(classLimits.nameCharacters + 1)}\n`,
    /class 2: found a name of 401 characters/,
  ],
  ['a control character', 'a\nb\u0007c\n', /class 2: found a control character/],
  ['broken JSON', '["a",', /text that is not JSON/],
  ['JSON of another form', '{"a": 1}', /classes: found nothing, expected array; class names are an array, or/],
  ['an unknown key', '{"classes": ["a", "b"], "prompts": []}', /prompts/],
  ['no prompt', '{"classes": ["a", "b"], "templates": []}', /no prompt/],
  ['a prompt without a place', '{"classes": ["a", "b"], "templates": ["x"]}', /the prompt "x"/],
  ['a number among the names', '["a", 7]', /1: found 7, expected string/],
  [
    'WordNet ids before the names, as CoOp has it',
    'n01440764 tench\nn01443537 goldfish\n',
    /found WordNet ids in the names \("n01440764 tench"\), expected words for prompts; remove the ids.*"imagenet"/,
  ],
  ['WordNet ids and synonyms', 'n01440764 tench, Tinca tinca\nn01443537 goldfish\n', /found WordNet ids in the names/],
  ['WordNet ids for names', 'n01440764\nn01443537\n', /found WordNet ids in the names \("n01440764"\)/],
  ['bytes that are not UTF-8', new Uint8Array([0x61, 0x0a, 0xff, 0xfe]), /not UTF-8/],
] as const)('a class list with %s is refused', async (what, content, message) => {
  const path = content === undefined ? join(root(), 'none.txt') : await text(`${what}.list`, content);
  await expect(openClasses(path)).rejects.toThrow(message);
});
