/** @file Captions of emoji pictures: a template, the class name, sometimes keywords. */
import type { Random } from '../../tensor/random.ts';
import type { EmojiClass } from './format.ts';

/** Captions in training. `{}` is the name, with keywords where there are any. */
export const captionTemplates: readonly string[] = [
  '{}',
  'a picture of {}',
  'a picture of a {}',
  'a picture of the {}',
  'a photo of a {}',
  'a photo of the {}',
  'an image of {}',
  'an image of a {}',
  'an icon of {}',
  'an icon of a {}',
  'an emoji of {}',
  'an emoji of a {}',
  'a drawing of {}',
  'a drawing of a {}',
  'a cartoon of a {}',
  'a sticker of a {}',
  'a symbol of {}',
  'a small picture of a {}',
  'a close-up of a {}',
  'a colorful {}',
  'this is a {}',
  'the {} emoji',
  'clip art of a {}',
  'an illustration of a {}',
];

/** The prompts of the zero-shot classifier: their embeddings are averaged. */
export const classTemplates: readonly string[] = [
  'a picture of a {}',
  'a picture of {}',
  'an icon of a {}',
  'an emoji of a {}',
  'a drawing of a {}',
  'a photo of a {}',
  '{}',
];

/**
 * One caption for a picture of the class: half of them with only the name, the others with one or two keywords after it, so
 * that the text tower learns relations between names.
 */
export function captionFor({ label, tags }: Pick<EmojiClass, 'label' | 'tags'>, random: Random): string {
  const template = captionTemplates[random.integer(captionTemplates.length)]!;
  const keywords = random.uniform() < 0.5 ? random.shuffle(tags).slice(0, 1 + random.integer(2)) : [];
  return template.replace('{}', [label, ...keywords].join(' '));
}
