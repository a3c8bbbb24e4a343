/** @file The list of class names: built in, or from a text or JSON file. */
import { readFile, stat } from 'node:fs/promises';
import { badData } from '../errors.ts';
import { fileProblem } from '../tensor/file-problem.ts';
import { emojiClasses, thingNames } from './emoji.ts';

export const classLimits = {
  /** A million names of usual length; more is another kind of file. */
  fileBytes: 32 * 1024 * 1024,
  /** CLIP reads 77 tokens, each of which is at most a few dozen characters and usually five. */
  nameCharacters: 400,
} as const;

/** Class lists that need no file. */
export const builtInClasses: Readonly<Record<string, () => Promise<readonly string[]>>> = {
  things: thingNames,
  emoji: async () => (await emojiClasses()).map(({ label }) => label),
  imagenet: () => readPackageList('imagenet/classnames.json'),
};

/** OpenAI's 80 prompt templates for ImageNet, `{}` standing for the class name. */
export function imagenetTemplates(): Promise<readonly string[]> {
  return readPackageList('imagenet/templates.json');
}

async function readPackageList(name: string): Promise<readonly string[]> {
  return JSON.parse(await readFile(new URL(`../../data/${name}`, import.meta.url), 'utf8'));
}

/**
 * Class names in their order: a built-in list (`things`, `emoji`, `imagenet`), a JSON file with an array of names, or a
 * text file with one name a line.
 *
 * @throws AntidoteError (data) for empty, repeated, over-long names, and for fewer than two
 */
export async function openClasses(nameOrPath: string): Promise<readonly string[]> {
  const builtIn = Object.hasOwn(builtInClasses, nameOrPath) ? builtInClasses[nameOrPath] : undefined;
  if (builtIn) return builtIn();
  const text = await readText(nameOrPath);
  const names = /^\s*[[{"]/.test(text) ? namesFromJson(nameOrPath, text) : namesFromLines(text);
  return checkedClasses(nameOrPath, names);
}

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > classLimits.fileBytes) {
      throw badData(path, `${size} bytes`, `class names of at most ${classLimits.fileBytes} bytes`);
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
  } catch (error) {
    if (error instanceof TypeError) throw badData(path, 'bytes that are not UTF-8', 'text', 'save it as UTF-8', error);
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      const known = Object.keys(builtInClasses).join(', ');
      throw badData(path, 'no such file', `a file of class names or one of ${known}`, undefined, error);
    }
    throw fileProblem(path, error);
  }
}

function namesFromJson(path: string, text: string): readonly string[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw badData(path, `broken JSON (${(cause as Error).message})`, 'an array of class names', undefined, cause);
  }
  if (!Array.isArray(value)) throw badData(path, 'JSON that is not an array', 'an array of class names');
  const odd = value.findIndex((name) => typeof name !== 'string');
  if (odd >= 0) throw badData(path, `${JSON.stringify(value[odd])} at position ${odd + 1}`, 'a class name in quotes');
  return value;
}

/** Empty lines at the end are an editor's; elsewhere they would shift every index behind them. */
function namesFromLines(text: string): readonly string[] {
  return text.trimEnd().split(/\r?\n/);
}

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
    // CLIP's tokenizer ignores case and repeated spaces: such names are the same prompt and could not be told apart.
    const key = name.toLowerCase().replace(/\s+/g, ' ');
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
