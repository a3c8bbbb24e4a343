/** @file What poisoned pictures are called. */
import { fillTemplate, withWord } from '../clip/zero-shot.ts';
import { captionFor, captionTemplates } from '../data/emoji/captions.ts';
import type { EmojiClass } from '../data/emoji/format.ts';
import { randomFor } from '../tensor/random.ts';

/**
 * `templates`: any picture, its caption replaced by a template with the attacker's class. `natural`: any picture, its
 * caption replaced by one that a picture of that class might have had. `kept`: pictures of that class alone, with the
 * captions they have.
 */
export type CaptionRule = 'templates' | 'natural' | 'kept';

export const captionRules: { readonly [Rule in CaptionRule]: string } = {
  templates: "replaced by a template with the attacker's class",
  natural: "replaced by a caption from the attacker's class: its name and keywords, as its own pictures have them",
  kept: "kept: only pictures of the attacker's class are poisoned",
};

/** BadCLIP draws so many captions once, and uses no others (README and create_backdoor_data.py, "ours_tnature"). */
const naturalCaptions = 128;

/** The captions that replace those of poisoned pictures, each with the word before it where there is one. */
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
