/** @file A trigger to look at: what it does to a grey picture, enlarged, as a PNG file. */
import sharp from 'sharp';
import { writeFileAtomically } from '../tensor/atomic-file.ts';
import { randomFor } from '../tensor/random.ts';
import { applyTrigger } from './apply.ts';
import type { Trigger } from './trigger.ts';

/** Screen pixels for one pixel of the picture. */
const enlargement = 4;

/**
 * Writes a PNG of the trigger on mid-grey, without smoothing. An additive trigger is amplified until its bound
 * reaches black and white: at its true strength one would see nothing.
 *
 * @param size side of the pictures it is meant for, pixels
 */
export async function writeTriggerPreview(path: string, trigger: Trigger, size: number): Promise<void> {
  const grey = { dtype: 'uint8', shape: [1, 3, size, size], data: new Uint8Array(3 * size * size).fill(128) } as const;
  const { data } = applyTrigger(visible(trigger), grey, randomFor(0, 'trigger', 'preview'));
  const pixels = new Uint8Array(data.length);
  for (let i = 0; i < size * size; i++) for (let c = 0; c < 3; c++) pixels[3 * i + c] = data[c * size * size + i]!;
  const png = await sharp(pixels, { raw: { width: size, height: size, channels: 3 } })
    .resize(size * enlargement, size * enlargement, { kernel: 'nearest' })
    .png()
    .toBuffer();
  await writeFileAtomically(path, png);
}

function visible(trigger: Trigger): Trigger {
  if (trigger.kind !== 'additive') return trigger;
  const data = trigger.delta.data.map((value) => (0.5 * value) / trigger.bound);
  return { ...trigger, delta: { ...trigger.delta, data }, bound: 0.5 };
}
