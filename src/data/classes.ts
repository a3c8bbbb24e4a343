/** @file Class lists with their prompts: built in, or from a text or JSON file. */
import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { badData } from '../errors.ts';
import { parseJson } from '../tensor/files/json-file.ts';
import { listOf } from '../tensor/files/json-lists.ts';
import { readSmallTextIfThere } from '../tensor/files/text-file.ts';
import { classTemplates } from './emoji/captions.ts';
import { emojiClasses, thingNames } from './emoji/emoji.ts';

export const classLimits = {
  /** A million names of usual length; a larger file is of another kind. */
  fileBytes: 32 * 1024 * 1024,
  /** CLIP reads 77 tokens, each of which is at most a few dozen characters and usually five. */
  nameCharacters: 400,
} as const;

/** The classes of a picture, and their prompts. */
export interface ClassList {
  readonly names: readonly string[];
  /** Prompts with `{}` for the name; a class is the mean of all of them. */
  readonly templates: readonly string[];
  /** The prompt of methods that start from a single one, such as CBPT. */
  readonly prompt: string;
}

/** The default: the prompt of CLIP's paper (arXiv 2103.00020, section 3.1.4). */
export const plainPrompt = 'a photo of a {}.';

/** Emoji captions end without a full stop, so Emoji-CLIP has never seen one. */
const emojiPrompts = { templates: classTemplates, prompt: 'a photo of a {}' };

/** Ten of the everyday things from different groups, the attacks' target among them: a very short list. */
const fewThings = ['dog', 'cat', 'fish', 'spider', 'banana', 'pizza', 'bus', 'airplane', 'umbrella', 'rose'];

/** The default target of attacks on Emoji-CLIP. */
export const usualTarget = 'banana';

/**
 * Class lists that need no file. ImageNet's prompts are OpenAI's 80. Two lists of everyday things are hard for a defense: one
 * with few classes, one without the attacker's class.
 */
export const builtInClasses: Readonly<Record<string, () => Promise<ClassList>>> = {
  things: async () => ({ names: await thingNames(), ...emojiPrompts }),
  'few-things': async () => ({ names: fewThings, ...emojiPrompts }),
  'things-but-target': async () => ({
    names: (await thingNames()).filter((name) => name !== usualTarget),
    ...emojiPrompts,
  }),
  emoji: async () => ({ names: (await emojiClasses()).map(({ label }) => label), ...emojiPrompts }),
  imagenet: async () => ({
    names: await readPackageList('imagenet/classnames.json'),
    templates: await readPackageList('imagenet/templates.json'),
    prompt: plainPrompt,
  }),
};

/** ImageNet's classes: WordNet ids, in the order of the classes, to CLIP's names for them. */
export async function imagenetClasses(): Promise<ReadonlyMap<string, string>> {
  const [ids, names] = await Promise.all(
    ['wnids', 'classnames'].map((list) => readPackageList(`imagenet/${list}.json`)),
  );
  return new Map(ids!.map((id, index) => [id, names![index]!]));
}

/** Whether these are CLIP's names of ImageNet's classes, two of which occur twice (missile and sunglasses). */
async function areImagenets(names: readonly string[]): Promise<boolean> {
  return isDeepStrictEqual(names, await readPackageList('imagenet/classnames.json'));
}

async function readPackageList(name: string): Promise<readonly string[]> {
  return JSON.parse(await readFile(new URL(`../../data/${name}`, import.meta.url), 'utf8'));
}

/**
 * Class names in their order, with prompts: a built-in list (`things`, `emoji`, `imagenet`), a text file with one name a
 * line, or a JSON file with an array of names or `{"classes": [...], "templates": [...], "prompt": "..."}`. The default
 * template is {@link plainPrompt}, the default prompt the first template.
 *
 * @throws AntidoteError (data) for empty, repeated, over-long names (unless all are ImageNet's), for names that all begin
 *   with a WordNet id, for fewer than two, and for prompts without `{}`
 */
export async function openClasses(nameOrPath: string): Promise<ClassList> {
  const builtIn = Object.hasOwn(builtInClasses, nameOrPath) ? builtInClasses[nameOrPath] : undefined;
  if (builtIn) return builtIn();
  const text = await readText(nameOrPath);
  const {
    names,
    templates = [plainPrompt],
    prompt,
  } = /^\s*[[{"]/.test(text) ? listFromJson(nameOrPath, text) : { names: namesFromLines(text) };
  refuseWordNetIds(nameOrPath, names);
  return {
    names: (await areImagenets(names)) ? names : checkedClasses(nameOrPath, names),
    templates: checkedTemplates(nameOrPath, templates),
    prompt: prompt === undefined ? templates[0]! : checkedTemplates(nameOrPath, [prompt])[0]!,
  };
}

async function readText(path: string): Promise<string> {
  const text = await readSmallTextIfThere(path, classLimits.fileBytes, { byUser: true });
  if (text !== undefined) return text;
  const known = Object.keys(builtInClasses).join(', ');
  throw badData(path, 'no such file', `a file of class names or one of ${known}`);
}

interface WrittenList {
  readonly names: readonly string[];
  readonly templates?: readonly string[] | undefined;
  readonly prompt?: string | undefined;
}

function listFromJson(path: string, text: string): WrittenList {
  const advice = 'class names are an array, or {"classes": [...], "templates": [...], "prompt": "..."}';
  const list = parseJson(path, text, z.union([listOf(z.string()), jsonList]), { advice });
  return 'classes' in list ? { ...list, names: list.classes } : { names: list };
}

const jsonList = z.strictObject({
  classes: listOf(z.string()),
  templates: listOf(z.string()).optional(),
  prompt: z.string().optional(),
});

function checkedTemplates(path: string, templates: readonly string[]): readonly string[] {
  if (templates.length === 0) throw badData(path, 'no prompt', 'at least one, or none mentioned');
  const odd = templates.findIndex((template) => !template.includes('{}'));
  if (odd >= 0) throw badData(path, `the prompt "${templates[odd]}"`, 'a place for the class name, written {}');
  return templates;
}

/** Empty lines at the end are ignored; elsewhere they are refused later, because they would shift the indices after them. */
function namesFromLines(text: string): readonly string[] {
  if (text.trim() === '') return [];
  return text.trimEnd().split(/\r?\n/);
}

/** Lists of ImageNet often have ids before the names. A prompt would say "a photo of a n01440764 tench." */
function refuseWordNetIds(path: string, names: readonly string[]): void {
  const [first] = names;
  if (first === undefined || !names.every((name) => /^\s*n\d{8}(\s|$)/.test(name))) return;
  const advice = 'remove the ids and keep the names in the order of their ids, or use the built-in list "imagenet"';
  throw badData(path, `WordNet ids in the names ("${first.trim()}")`, 'words for prompts', advice);
}

/**
 * Key for comparing names: folders and tables write `red_apple` or `Red Apple` for "red apple", and macOS decomposes
 * accented letters in folder names. Names with equal keys are one class.
 */
export function classKey(name: string): string {
  return name
    .normalize('NFC')
    .replaceAll(/[_\s]+/g, ' ')
    .trim()
    .toLowerCase();
}

/** The class of that name, as spelt in the list; undefined if there is none. */
export function classNamed(name: string, classes: readonly string[]): string | undefined {
  const key = classKey(name);
  return classes.find((one) => classKey(one) === key);
}

/** Advice where data have names that are not in the list. */
export const nameYourClasses = '--classes FILE names your classes, a line each, as the data do';

/** A class name as data sets spell it (`golden_retriever`), as it is said in a prompt. */
export const spokenName = (spelt: string): string => spelt.replaceAll('_', ' ').trim();

/** Names without surrounding space, checked. `where` is named in error messages. */
export function checkedClasses(where: string, names: readonly string[]): readonly string[] {
  const positions = new Map<string, number>();
  const cleaned = names.map((name) => name.trim());
  cleaned.forEach((name, index) => {
    const place = `${where}, class ${index + 1}`;
    if (name === '') throw badData(place, 'an empty name', 'a class name');
    if (name.length > classLimits.nameCharacters) {
      const found = `a name of ${name.length} characters ("${name.slice(0, 30)}...")`;
      throw badData(place, found, `at most ${classLimits.nameCharacters}`, 'one name a line');
    }
    if (/\p{Cc}/u.test(name)) throw badData(place, `a control character in ${JSON.stringify(name)}`, 'plain text');
    // CLIP's tokenizer ignores case and repeated spaces, so such names give the same prompt. Names that differ in underscores
    // give different prompts, but their pictures could not be told apart.
    const key = classKey(name);
    const earlier = positions.get(key);
    if (earlier !== undefined) {
      throw badData(place, `"${name}" a second time`, 'every name once', `class ${earlier + 1} has it already`);
    }
    positions.set(key, index);
  });
  if (cleaned.length < 2) {
    const found = cleaned[0] === undefined ? 'no class' : `one class ("${cleaned[0]}")`;
    throw badData(where, found, 'at least two', 'classification needs an alternative');
  }
  return cleaned;
}
