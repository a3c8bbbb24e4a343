/** @file Trigger files: safetensors with the tensors of the record, and the rest of it as JSON in the metadata. */
import { z } from 'zod';
import { badData } from '../errors.ts';
import { parseJson } from '../tensor/files/json-file.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../tensor/safetensors.ts';
import type { StoredTensor, Tensor } from '../tensor/tensor.ts';
import { squareChannels } from './hidden-message.ts';
import type { Trigger } from './trigger.ts';
import { waveNumbers } from './waves.ts';

/** Key of the metadata entry that holds the record without its tensors. */
const recordKey = 'antidote.trigger';

const made = '`antidote attack` writes trigger files';

/** Limits of a trigger: a hostile file could make every picture take hours. */
const triggerLimits = {
  /** Width of a message encoder's hidden layers: ours have 16, and the time for a picture grows with the square. */
  channels: 64,
  /** Published messages have 8 to 100 bits. */
  bits: 256,
  /** Message planes and their cells along a side: ours have 2 of 8 x 8. */
  planes: 16,
  cells: 64,
  /** Waves to draw from: ours have 16. */
  waves: 1024,
  /** No CLIP reads pictures larger than 512; the network's time grows with the square. */
  encoderSize: 1024,
} as const;

const whole = z.int().min(0).max(65_535);
const placement = z.union([z.enum(['random', 'random-tile']), z.strictObject({ top: whole, left: whole })]);

/** The JSON in the metadata, by kind. */
const records = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('patch'), placement }),
  z.strictObject({ kind: z.literal('noise-patch'), side: whole.min(1), placement }),
  z.strictObject({ kind: z.literal('additive'), bound: z.number().gt(0).max(1) }),
  z.strictObject({ kind: z.literal('mask-pattern'), placement }),
  z.strictObject({ kind: z.literal('noise-blend'), share: z.number().gt(0).max(1) }),
  z.strictObject({ kind: z.literal('warp') }),
  z.strictObject({
    kind: z.literal('hidden-message'),
    message: z
      .string()
      .regex(/^[01]+$/)
      .max(triggerLimits.bits),
    size: z.int().min(2).max(triggerLimits.encoderSize).multipleOf(2),
    bound: z.number().gt(0).max(1),
  }),
  z.strictObject({ kind: z.literal('waves') }),
  z.strictObject({ kind: z.literal('none') }),
]);

/**
 * Remarks on the origin of a trigger, kept unchanged. Known ones: `attack`, `target`, `word` before the prompt, and `size`, the
 * side in pixels of the pictures that it was made for.
 */
export type TriggerNotes = Readonly<Record<string, string>>;

/** Writes `trigger` and its notes to `path`, atomically. */
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
 * Reads a file of {@link writeTrigger} and checks it: kind, shapes, finite values within their range.
 *
 * @throws AntidoteError (data) that names the file and the fault
 */
export async function readTrigger(path: string): Promise<{ trigger: Trigger; notes: TriggerNotes }> {
  const { tensors, metadata } = await openSafetensors(path);
  const { [recordKey]: text, ...notes } = metadata;
  if (text === undefined) {
    throw badData(path, `no metadata entry "${recordKey}"`, 'a trigger file', made);
  }
  const record = parseJson(`${path}: metadata "${recordKey}"`, text, records, { advice: made });
  const read = partReader(path, tensors);
  switch (record.kind) {
    case 'patch':
      return { trigger: { ...record, pattern: await read('pattern', [3, 'side', 'side'], [0, 1]) }, notes };
    case 'noise-patch':
    case 'noise-blend':
    case 'none':
      return { trigger: record, notes };
    case 'additive': {
      const { bound } = record;
      return { trigger: { ...record, delta: await read('delta', [3, 'side', 'side'], [-bound, bound]) }, notes };
    }
    case 'mask-pattern': {
      const mask = await read('mask', [1, 'side', 'side'], [0, 1]);
      const pattern = await read('pattern', [3, 'side', 'side'], [0, 1]);
      return { trigger: { ...record, mask, pattern }, notes };
    }
    case 'warp':
      return { trigger: { ...record, offsets: await read('offsets', [2, 'side', 'side'], [-65_535, 65_535]) }, notes };
    case 'waves':
      return { trigger: { ...record, waves: await read('waves', ['waves', waveNumbers], weightRange) }, notes };
    case 'hidden-message':
      return { trigger: { ...record, ...(await readEncoder(read, record.message.length)) }, notes };
  }
}

async function readEncoder(read: PartReader, bits: number) {
  const number = (name: string, axes: readonly Axis[]) => read(name, axes, weightRange);
  const spread = await number('spread', [bits, 'planes', 'cells', 'cells']);
  const inputs = squareChannels + spread.shape[1]!;
  return {
    spread,
    first: await number('first', ['channels', inputs, 3, 3]),
    firstBias: await number('firstBias', ['channels']),
    second: await number('second', ['channels', 'channels', 3, 3]),
    secondBias: await number('secondBias', ['channels']),
    last: await number('last', [squareChannels, 'channels', 3, 3]),
    lastBias: await number('lastBias', [squareChannels]),
  };
}

/** Trained weights and numbers of waves are far smaller; larger ones could overflow sums. */
const weightRange = [-1e6, 1e6] as const;

/** Size of an axis: a number, or a name that stands for one size throughout the file. */
type Axis = number | 'side' | 'channels' | 'planes' | 'cells' | 'waves';

type PartReader = (
  name: string,
  axes: readonly Axis[],
  range: readonly [low: number, high: number],
) => Promise<Tensor<'float32'>>;

/** Reads tensors with the given axes and values in the range, with a small slack for rounding. */
function partReader(path: string, tensors: ReadonlyMap<string, StoredTensor>): PartReader {
  const sizes = new Map<Axis, number>();
  return async (name, axes, [low, high]) => {
    const expected = () => `[${axes.map((axis) => axisText(axis, sizes)).join(', ')}]`;
    const stored = tensors.get(name);
    if (!stored) throw badData(path, `no tensor "${name}"`, expected());
    const fits = stored.shape.length === axes.length && axes.every((axis, i) => holds(axis, stored.shape[i]!, sizes));
    if (!fits) throw badData(path, `tensor "${name}" of shape ${shown(stored.shape)}`, expected());
    const tensor = await readTensor(stored);
    if (tensor.dtype !== 'float32') throw badData(path, `tensor "${name}" of type ${tensor.dtype}`, 'floating point');
    const slack = 1e-6;
    const data = tensor.data as Float32Array;
    const wrong = data.findIndex((value) => !(value >= low - slack && value <= high + slack));
    if (wrong >= 0) throw badData(path, `${data[wrong]} in tensor "${name}"`, `values from ${low} to ${high}`);
    return tensor as Tensor<'float32'>;
  };
}

/** Whether an axis may have this size; the first size seen for a name is fixed. */
function holds(axis: Axis, size: number, sizes: Map<Axis, number>): boolean {
  if (typeof axis === 'number') return size === axis;
  const known = sizes.get(axis) ?? size;
  sizes.set(axis, known);
  return size === known && size >= 1 && size <= largest(axis);
}

function axisText(axis: Axis, sizes: ReadonlyMap<Axis, number>): string {
  const known = sizes.get(axis);
  if (typeof axis === 'number' || known === undefined) return String(axis);
  return known > largest(axis) ? `${axis} (at most ${largest(axis)})` : `${axis} (${known})`;
}

function largest(axis: Exclude<Axis, number>): number {
  return axis === 'side' ? Number.POSITIVE_INFINITY : triggerLimits[axis];
}

const shown = (shape: readonly number[]) => `[${shape.join(', ')}]`;
