/** @file Zero-shot classification: hand-written prompts to a classifier. */
import type { Engine } from '../engine/engine.ts';
import { badUsage } from '../errors.ts';
import { readTensor } from '../tensor/safetensors.ts';
import { scaleToUnit } from '../tensor/tensor.ts';
import type { Clip, Head } from './clip.ts';
import { encodeTexts, type TextOptions } from './encode-texts.ts';

/** Puts a class name into a template at `{}`, literally: a dollar sign in the name stays one. */
export function fillTemplate(template: string, className: string): string {
  return template.replaceAll('{}', () => className);
}

/** All templates filled with every class, class by class: the texts of a {@link zeroShotHead}. */
export function promptsOf(classes: readonly string[], templates: readonly string[]): readonly string[] {
  return classes.flatMap((name) => templates.map((template) => fillTemplate(template, name)));
}

/** A prompt or a template with the attacker's trigger word before it, where there is one. */
export function withWord(word: string | undefined, prompt: string): string {
  return word === undefined ? prompt : `${word} ${prompt}`;
}

/** The same for every template of a head. */
export function withWordEach(word: string | undefined, templates: readonly string[]): readonly string[] {
  return templates.map((template) => withWord(word, template));
}

/**
 * One embedding per class: unit embeddings of all templates, averaged, made unit length again
 * (OpenAI's prompt ensembling, `notebooks/Prompt_Engineering_for_ImageNet.ipynb`).
 *
 * @throws AntidoteError (usage) without templates, and for one without `{}`, which would make all classes alike
 */
export async function zeroShotHead(
  engine: Engine,
  clip: Clip,
  classes: readonly string[],
  templates: readonly string[],
  options: Pick<TextOptions, 'progress' | 'signal'> = {},
): Promise<Head> {
  const unfit = templates.find((template) => !template.includes('{}'));
  if (unfit !== undefined || templates.length === 0) {
    const found = unfit === undefined ? 'none' : JSON.stringify(unfit);
    throw badUsage('templates', found, 'at least one, each with {} where the class name goes');
  }
  const { embedding } = clip.config;
  const texts = promptsOf(classes, templates);
  const encoded = await encodeTexts(engine, clip, texts, options);
  const embeddings = new Float32Array(classes.length * embedding);
  for (let row = 0; row < classes.length; row++) {
    const mean = embeddings.subarray(row * embedding, (row + 1) * embedding);
    for (let template = 0; template < templates.length; template++) {
      const from = (row * templates.length + template) * embedding;
      for (let i = 0; i < embedding; i++) mean[i]! += encoded.data[from + i]!;
    }
    scaleToUnit(mean);
  }
  return { classes, embeddings, embedding, scale: await logitScale(clip) };
}

/** A head for only the first `count` classes. */
export function firstClasses({ classes, embeddings, ...head }: Head, count: number): Head {
  return { ...head, classes: classes.slice(0, count), embeddings: embeddings.subarray(0, count * head.embedding) };
}

/** Factor of the cosines before softmax: exp of the stored `logit_scale`. */
export async function logitScale(clip: Clip): Promise<number> {
  const parameter = clip.parameters.get('logit_scale');
  if (parameter?.kind !== 'stored') throw new TypeError('logit_scale is a stored parameter in every layout');
  return Math.exp(Number((await readTensor(parameter.tensor)).data[0]));
}
