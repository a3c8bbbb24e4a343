/** @file The list of classes and the prompts that suit it: built in, or from a text or JSON file. */
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
  /** A million names of usual length; more is another kind of file. */
  fileBytes: 32 * 1024 * 1024,
  /** CLIP reads 77 tokens, each of which is at most a few dozen characters and usually five. */
  nameCharacters: 400,
} as const;

/** What a picture may be called, and how it is asked for. */
export interface ClassList {
  readonly names: readonly string[];
  /** Prompts, `{}` standing for the name; a class is the mean of all of them. */
  readonly templates: readonly string[];
  /** The one prompt that methods with a single prompt start from, such as CBPT. */
  readonly prompt: string;
}

/** For classes of which nothing more is known: the prompt of CLIP's paper (arXiv 2103.00020, section 3.1.4). */
export const plainPrompt = 'a photo of a {}.';

/** Emoji captions end without a full stop, and Emoji-CLIP has never seen one. */
const emojiPrompts = { templates: classTemplates, prompt: 'a photo of a {}' };

/** Of the everyday things, ten from different groups, the attacks' target among them: a list too short to hide in. */
const fewThings = ['dog', 'cat', 'fish', 'spider', 'banana', 'pizza', 'bus', 'airplane', 'umbrella', 'rose'];

/** The class that attacks on Emoji-CLIP want unless told otherwise. */
export const usualTarget = 'banana';

/**
 * Class lists that need no file. ImageNet's prompts are OpenAI's 80. Two lists of everyday things are unfriendly to a
 * defense: few classes, and a list without the class that the attacker wants.
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

/** ImageNet's classes: WordNet ids, in the order of the classes, to the names that CLIP has for them. */
export async function imagenetClasses(): Promise<ReadonlyMap<string, string>> {
  const [ids, names] = await Promise.all(
    ['wnids', 'classnames'].map((list) => readPackageList(`imagenet/${list}.json`)),
  );
  return new Map(ids!.map((id, index) => [id, names![index]!]));
}

/** CLIP's names of ImageNet's classes, two of which come twice (missiles and sunglasses): people have them as files. */
async function areImagenets(names: readonly string[]): Promise<boolean> {
  return isDeepStrictEqual(names, await readPackageList('imagenet/classnames.json'));
}

async function readPackageList(name: string): Promise<readonly string[]> {
  return JSON.parse(await readFile(new URL(`../../data/${name}`, import.meta.url), 'utf8'));
}

/**
 * Class names in their order, with prompts: a built-in list (`things`, `emoji`, `imagenet`), a text file with one name a
 * line, or a JSON file with an array of names or `{"classes": [...], "templates": [...], "prompt": "..."}`. What a list
 * does not bring is {@link plainPrompt}; templates without a prompt bring their first.
 *
 * @throws AntidoteError (data) for empty, repeated, over-long names (unless all are ImageNet's), for fewer than two, and for
 *   prompts without `{}`
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

/** Empty lines at the end are an editor's; elsewhere they would shift every index behind them. */
function namesFromLines(text: string): readonly string[] {
  return text.trimEnd().split(/\r?\n/);
}

/**
 * What names are compared by: folders and tables write `red_apple` or `Red Apple` for "red apple", and folders made on
 * macOS letter and accent apart. Names with equal keys are one class.
 */
export function classKey(name: string): string {
  return name
    .normalize('NFC')
    .replaceAll(/[_\s]+/g, ' ')
    .trim()
    .toLowerCase();
}

/** The class that a name means, as the list writes it; undefined if it is none of them. */
export function classNamed(name: string, classes: readonly string[]): string | undefined {
  const key = classKey(name);
  return classes.find((one) => classKey(one) === key);
}

/** What helps where data have names that are not in the list. */
export const nameYourClasses = 'name your classes with --classes FILE, a line each';

/** Names without surrounding space, checked. `where` is what error messages point to. */
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
    // CLIP's tokenizer ignores case and repeated spaces, so such names are the same prompt; with underscores for spaces
    // they are not, but the pictures of one could not be told from those of the other.
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
