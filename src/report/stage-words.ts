/** @file Words for the stages of a run and for the dummy triggers that they find. Files keep the names, readers see these. */
import { type Form, formFacts } from '../defenses/cbpt/inversion/forms.ts';

/** What a stage does; stages of the same work are parts of it. */
export interface StageWords {
  readonly work: string;
  readonly part: string | null;
}

/** Stages whose names do not depend on a form. */
const plainStages: Readonly<Record<string, readonly [work: string, part?: string]>> = {
  'reading weights': ['reading the weights'],
  prompts: ['encoding the prompts'],
  features: ['encoding the pictures'],
  views: ['encoding views of the pictures'],
  tune: ['tuning the prompts'],
  evaluate: ['measuring'],
  'evaluate prompts': ['measuring', 'prompts'],
  patch: ['optimising the patch'],
  steganography: ['training the hidden message'],
};

/** The race of patches has heats; what a search finds is then seen on pictures, and told. */
const searchParts: Readonly<Record<string, string>> = {
  heats: 'heats',
  'heats-result': 'result of the heats',
  features: 'its effect',
  'more-features': 'its effect on more pictures',
  result: 'result',
};

/** What may follow a form in the name of a dummy trigger: the number of its start, or that its class ran alone. */
const variant = '-(?:\\d+|alone)';

const inversion = new RegExp(
  `^invert-((?:${Object.keys(formFacts).join('|')})(?:${variant})?)(?:-(${Object.keys(searchParts).join('|')}))?$`,
);

const cleanModel = 'clean model: ';

/** The words of a stage; one that has none here keeps its name. */
export function stageWords(stage: string): StageWords {
  if (stage.startsWith(cleanModel)) {
    return { work: 'measuring the clean model', part: stageWords(stage.slice(cleanModel.length)).part };
  }
  const [, name, part] = inversion.exec(stage) ?? [];
  if (name !== undefined) {
    const work = `looking for ${lowerFirst(triggerWords(name))}`;
    return { work, part: part === undefined ? null : searchParts[part]! };
  }
  const [work, partOfIt = null] = Object.hasOwn(plainStages, stage) ? plainStages[stage]! : [stage];
  return { work, part: partOfIt };
}

/** The words of a stage in one line: `looking for a pattern in a fixed place: its effect`. */
export function stageLine(stage: string): string {
  const { work, part } = stageWords(stage);
  return part === null ? work : `${work}: ${part}`;
}

/** The words of a dummy trigger by its name: `sparse-2` is "A pattern in a fixed place, start 2". */
export function triggerWords(name: string): string {
  const form = formOf(name);
  if (form === undefined) return name;
  // Commas that end the description are for the sentence of a scan.
  const description = formFacts[form].description.replace(/,$/, '');
  const [, start] = /-(\d+)$/.exec(name) ?? [];
  if (name.endsWith('-alone')) return `${description}, the first class alone`;
  return start === undefined ? description : `${description}, start ${start}`;
}

/** The form of a dummy trigger by its name; undefined for names of other origin. */
export function formOf(name: string): Form | undefined {
  const form = name.replace(new RegExp(`${variant}$`), '');
  return Object.hasOwn(formFacts, form) ? (form as Form) : undefined;
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
