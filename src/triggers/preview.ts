/** @file A trigger to look at: what it does to a grey or chequered picture, enlarged, as a PNG file. */
import { writeFileAtomically } from '../tensor/files/atomic-file.ts';
import { randomFor } from '../tensor/random.ts';
import { applyTrigger } from './apply.ts';
import { pngBytes } from './png.ts';
import type { Trigger } from './trigger.ts';

/** Screen pixels for one pixel of the picture. */
const enlargement = 4;

/** Pixels along a square of the chequer on which a warp is shown: on plain grey it changes nothing. */
const chequer = 8;

/**
 * Writes a PNG of the trigger on mid-grey, without smoothing. What is bounded, an additive trigger or a hidden message,
 * is amplified until its bound reaches black and white: at its true strength one would see nothing.
 *
 * @param size side of the pictures it is meant for, pixels
 */
export async function writeTriggerPreview(path: string, trigger: Trigger, size: number): Promise<void> {
  const card = { dtype: 'uint8', shape: [1, 3, size, size], data: cardFor(trigger, size) } as const;
  const { data } = applyTrigger(visible(trigger), card, randomFor(0, 'trigger', 'preview'));
  await writeFileAtomically(path, await pngBytes(data, [3, size, size], enlargement));
}

function cardFor(trigger: Trigger, size: number): Uint8Array {
  const card = new Uint8Array(3 * size * size).fill(128);
  if (trigger.kind !== 'warp') return card;
  return card.map((_, at) => {
    const dark = Math.floor((at % size) / chequer) + Math.floor((Math.floor(at / size) % size) / chequer);
    return dark % 2 === 0 ? 230 : 40;
  });
}

function visible(trigger: Trigger): Trigger {
  switch (trigger.kind) {
    case 'additive': {
      const data = trigger.delta.data.map((value) => (0.5 * value) / trigger.bound);
      return { ...trigger, delta: { ...trigger.delta, data }, bound: 0.5 };
    }
    case 'hidden-message':
      return { ...trigger, bound: 0.5 };
    default:
      return trigger;
  }
}
