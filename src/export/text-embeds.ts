/** @file `text_embeds.safetensors`: the head without the image encoder. */
import { join } from 'node:path';
import type { Head } from '../clip/clip.ts';
import { writeSafetensors } from '../tensor/safetensors.ts';
import { float32 } from '../tensor/tensor.ts';

export const textEmbedsFile = 'text_embeds.safetensors';

/**
 * Writes `text_embeds` [classes, embedding], rows of unit length, and `logit_scale` [], a natural logarithm as in CLIP:
 * exp(logit_scale) times cosines are logits. Class names, in the order of the rows, are in the metadata.
 */
export async function writeTextEmbeds(
  directory: string,
  { classes, embeddings, embedding, scale }: Head,
  notes: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const tensors = {
    text_embeds: float32(embeddings, [classes.length, embedding]),
    logit_scale: float32([Math.log(scale)], []),
  };
  // Python's safetensors needs the framework of a file.
  const metadata = { format: 'pt', ...notes, classes: JSON.stringify(classes), normalized: 'true' };
  await writeSafetensors(join(directory, textEmbedsFile), tensors, metadata);
  return { [textEmbedsFile]: 'one text embedding per class and the logit scale, for open_clip and transformers' };
}
