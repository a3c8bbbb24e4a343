/** @file A preview of a trigger: its effect on a grey or chequered picture, enlarged, as a PNG file, written and read. */
import { writeFileAtomically } from '../tensor/files/atomic-file.ts';
import { isThere, readBytes, withFile } from '../tensor/files/file-bytes.ts';
import { randomFor } from '../tensor/random.ts';
import { applyTrigger } from './apply.ts';
import { type PngUrl, pngBytes } from './png.ts';
import type { Trigger } from './trigger.ts';

/** Screen pixels for one pixel of the picture. */
const enlargement = 4;

/** Side of the chequer's squares, pixels. A warp is shown on it, because it changes nothing on plain grey. */
const chequer = 8;

/**
 * Writes a PNG of the trigger on mid-grey, without smoothing. A bounded trigger (additive or a hidden message) is amplified
 * until its bound reaches black and white, because it is invisible at its true strength.
 *
 * @param size side of the model's pictures, pixels
 */
export async function writeTriggerPreview(path: string, trigger: Trigger, size: number): Promise<void> {
  const card = { dtype: 'uint8', shape: [1, 3, size, size], data: cardFor(trigger, size) } as const;
  const { data } = applyTrigger(visible(trigger), card, randomFor(0, 'trigger', 'preview'));
  await writeFileAtomically(path, await pngBytes(data, [3, size, size], enlargement));
}

/** A larger file is no preview. */
const mostBytes = 4 * 2 ** 20;

/** A preview for a page; null where there is none. */
export async function readTriggerPreview(path: string): Promise<PngUrl | null> {
  if (!(await isThere(path))) return null;
  const bytes = await withFile(path, 'a picture of a trigger', async (file, size) =>
    size > mostBytes ? null : readBytes(path, file, 0, size),
  );
  return bytes && `data:image/png;base64,${bytes.toString('base64')}`;
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
