/** @file A trigger as a file: safetensors with the tensors of its record, the rest of it as JSON in the metadata. */
import { z } from 'zod';
import { badData } from '../errors.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../tensor/safetensors.ts';
import type { StoredTensor, Tensor } from '../tensor/tensor.ts';
import type { Trigger } from './trigger.ts';

/** Key of the metadata entry that holds the record without its tensors. */
const recordKey = 'antidote.trigger';

const whole = z.int().min(0).max(65_535);
const placement = z.union([z.literal('random'), z.strictObject({ top: whole, left: whole })]);

/** What stands in the metadata, by kind. */
const records = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('patch'), placement }),
  z.strictObject({ kind: z.literal('noise-patch'), side: whole.min(1), placement }),
  z.strictObject({ kind: z.literal('additive'), bound: z.number().gt(0).max(1) }),
  z.strictObject({ kind: z.literal('mask-pattern'), placement }),
]);

/** Remarks on where a trigger comes from: attack, seed, source. Kept as they are. */
export type TriggerNotes = Readonly<Record<string, string>>;

/** Writes `trigger` and its notes to `path`, complete or not at all. */
export async function writeTrigger(path: string, trigger: Trigger, notes: TriggerNotes = {}): Promise<void> {
  const tensors: Record<string, Tensor> = {};
  const record: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(trigger)) {
    if (isTensor(value)) tensors[key] = value;
    else record[key] = value;
  }
  await writeSafetensors(path, tensors, { ...notes, [recordKey]: JSON.stringify(record) });
}

function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && 'dtype' in value;
}

/**
 * Reads what {@link writeTrigger} wrote, and checks it: kind, shapes, finite values within their range.
 *
 * @throws AntidoteError (data) that names the file and what is wrong in it
 */
export async function readTrigger(path: string): Promise<{ trigger: Trigger; notes: TriggerNotes }> {
  const { tensors, metadata } = await openSafetensors(path);
  const { [recordKey]: text, ...notes } = metadata;
  if (text === undefined) {
    throw badData(path, `no metadata entry "${recordKey}"`, 'a trigger file', '`antidote attack` writes them');
  }
  const record = parseRecord(path, text);
  const read = (name: string, channels: number, range: readonly [number, number]) =>
    readPart(path, tensors, name, channels, range);
  switch (record.kind) {
    case 'patch':
      return { trigger: { ...record, pattern: await read('pattern', 3, [0, 1]) }, notes };
    case 'noise-patch':
      return { trigger: record, notes };
    case 'additive':
      return { trigger: { ...record, delta: await read('delta', 3, [-record.bound, record.bound]) }, notes };
    case 'mask-pattern': {
      const mask = await read('mask', 1, [0, 1]);
      const pattern = await read('pattern', 3, [0, 1]);
      if (mask.shape[1] !== pattern.shape[1]) {
        throw badData(path, `mask ${shown(mask.shape)} and pattern ${shown(pattern.shape)}`, 'equal sides');
      }
      return { trigger: { ...record, mask, pattern }, notes };
    }
  }
}

function parseRecord(path: string, text: string): z.infer<typeof records> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw badData(path, `metadata "${recordKey}" that is not JSON`, 'the record of a trigger', undefined, cause);
  }
  const parsed = records.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const where = issue?.path.length ? ` at ${issue.path.join('.')}` : '';
  throw badData(path, `metadata "${recordKey}" with a mistake${where} (${issue?.message})`, 'the record of a trigger');
}

/** A tensor [channels, side, side] whose values lie in the range; the smallest excess is rounding and forgiven. */
async function readPart(
  path: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  name: string,
  channels: number,
  [low, high]: readonly [number, number],
): Promise<Tensor<'float32'>> {
  const stored = tensors.get(name);
  if (!stored) throw badData(path, `no tensor "${name}"`, `[${channels}, side, side]`);
  const [first, height, width] = stored.shape;
  if (stored.shape.length !== 3 || first !== channels || height !== width || !height) {
    throw badData(path, `tensor "${name}" of shape ${shown(stored.shape)}`, `[${channels}, side, side]`);
  }
  const tensor = await readTensor(stored);
  if (tensor.dtype !== 'float32') throw badData(path, `tensor "${name}" of type ${tensor.dtype}`, 'floating point');
  const slack = 1e-6;
  const data = tensor.data as Float32Array;
  const wrong = data.findIndex((value) => !(value >= low - slack && value <= high + slack));
  if (wrong >= 0) throw badData(path, `${data[wrong]} in tensor "${name}"`, `values from ${low} to ${high}`);
  return tensor as Tensor<'float32'>;
}

const shown = (shape: readonly number[]) => `[${shape.join(', ')}]`;
