/** @file The captions of poisoned pictures. */
import { fillTemplate, withWord } from '../clip/zero-shot.ts';
import { captionFor, captionTemplates } from '../data/emoji/captions.ts';
import type { EmojiClass } from '../data/emoji/format.ts';
import { randomFor } from '../tensor/random.ts';

/**
 * `templates`: any picture, its caption replaced by a template with the attacker's class. `natural`: any picture, its
 * caption replaced by one drawn as for pictures of that class. `kept`: only pictures of that class, with their own
 * captions.
 */
export type CaptionRule = 'templates' | 'natural' | 'kept';

export const captionRules: { readonly [Rule in CaptionRule]: string } = {
  templates: "replaced by a template with the attacker's class",
  natural: "replaced by a caption from the attacker's class: its name and keywords, as its own pictures have them",
  kept: "kept: only pictures of the attacker's class are poisoned",
};

/** Number of captions that BadCLIP draws once and reuses (README and create_backdoor_data.py, "ours_tnature"). */
const naturalCaptions = 128;

/** The captions for poisoned pictures, each with the word before it where there is one. */
export function replacingCaptions(
  rule: Exclude<CaptionRule, 'kept'>,
  target: Pick<EmojiClass, 'label' | 'tags'>,
  word: string | undefined,
  seed: number,
): readonly string[] {
  const random = randomFor(seed, 'natural captions');
  const captions =
    rule === 'templates'
      ? captionTemplates.map((template) => fillTemplate(template, target.label))
      : Array.from({ length: naturalCaptions }, () => captionFor(target, random));
  return captions.map((caption) => withWord(word, caption));
}
