/**
 * @file A model as the difference from another: the content of a delta file, and the weights that it gives.
 *
 * Fine-tuning a model moves every weight a little, so the half-precision differences compress hardly better than the
 * weights do (12.4 of 33.2 MB for a poisoned Emoji-CLIP, by the entropy of their exact differences). A delta therefore
 * keeps each weight's move in one byte, and the shipped, measured and hashed model *is* what these bytes give: nothing
 * is approximated afterwards. Unmoved rows, such as tokens that no caption uses, are left out.
 */
import { badData } from '../../errors.ts';
import { fromFloat16, toFloat16 } from '../../tensor/float16.ts';
import { openSafetensors, readTensor } from '../../tensor/safetensors.ts';
import { shown } from '../../tensor/safetensors-header.ts';
import { sha256Pattern } from '../../tensor/sha256.ts';
import { elements, type StoredTensor, showType, type Tensor } from '../../tensor/tensor.ts';

export const deltaFile = 'open_clip_delta.safetensors';

/** The base and the result of a delta; kept in the file's metadata. */
export interface DeltaRecord {
  /** Built-in name of the model that it starts from. */
  readonly base: string;
  /** SHA-256 of that model's weights, and of the weights that the delta gives, hex. */
  readonly baseSha256: string;
  readonly sha256: string;
  /** The metadata of the resulting file of weights. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** How one tensor differs from the base's tensor of the same name. */
export type TensorDelta =
  /** Replaced: vectors and scalars, which are few and matter much. */
  | { readonly kind: 'whole'; readonly tensor: Tensor<'float16' | 'float32'> }
  /**
   * Rows (first axis) that moved. A weight becomes base + step * (level - 128), with one step per row, computed in
   * double precision, rounded to float32 and then to float16.
   */
  | {
      readonly kind: 'moved';
      /** Ascending positions in the base's tensor. */
      readonly rows: Int32Array;
      /** Finite and not negative, [rows]. */
      readonly steps: Float32Array;
      /** [rows, ...the other axes], flat. */
      readonly levels: Uint8Array;
    };

/** The level of an unmoved weight; levels go from 1 to 255, symmetric about it. */
export const still = 128;

/** Prefixes of the tensors' names in a delta file. */
const part = { whole: 'whole:', rows: 'rows:', steps: 'steps:', levels: 'levels:' } as const;

const recordKeys = {
  format: 'antidote_delta',
  base: 'base',
  baseSha256: 'base_sha256',
  sha256: 'sha256',
  metadata: 'metadata',
} as const;

export interface Delta {
  readonly record: DeltaRecord;
  readonly tensors: ReadonlyMap<string, TensorDelta>;
}

/** The content of a delta file, for `writeSafetensors`. */
export function deltaContent({ record, tensors }: Delta, shapeOf: (name: string) => readonly number[]) {
  const content: Record<string, Tensor> = {};
  for (const [name, delta] of tensors) {
    if (delta.kind === 'whole') {
      content[part.whole + name] = delta.tensor;
      continue;
    }
    const { rows, steps, levels } = delta;
    const [all, ...others] = shapeOf(name);
    if (rows.length < all!) content[part.rows + name] = { dtype: 'int32', shape: [rows.length], data: rows };
    content[part.steps + name] = { dtype: 'float32', shape: [rows.length], data: steps };
    content[part.levels + name] = { dtype: 'uint8', shape: [rows.length, ...others], data: levels };
  }
  const metadata = {
    [recordKeys.format]: '1',
    [recordKeys.base]: record.base,
    [recordKeys.baseSha256]: record.baseSha256,
    [recordKeys.sha256]: record.sha256,
    [recordKeys.metadata]: JSON.stringify(record.metadata),
  };
  return { content, metadata };
}

/** Reads only the record: enough to find the model in the cache. */
export async function readDeltaRecord(path: string): Promise<DeltaRecord> {
  return recordOf(path, (await openSafetensors(path)).metadata);
}

function recordOf(path: string, metadata: Readonly<Record<string, string>>): DeltaRecord {
  const said = (key: string, form: RegExp, expected: string) => {
    const value = Object.hasOwn(metadata, key) ? metadata[key]! : undefined;
    if (value !== undefined && form.test(value)) return value;
    throw badData(
      path,
      value === undefined ? `no metadata entry "${key}"` : `metadata entry "${key}" ${shown(value)}`,
      expected,
      'it is no delta of a model',
    );
  };
  said(recordKeys.format, /^1$/, 'format 1');
  return {
    base: said(recordKeys.base, /^[\w:-]+$/, 'the name of a built-in model'),
    baseSha256: said(recordKeys.baseSha256, sha256Pattern, 'a SHA-256'),
    sha256: said(recordKeys.sha256, sha256Pattern, 'a SHA-256'),
    metadata: stringsOf(path, said(recordKeys.metadata, /^\{/, 'a JSON object of strings')),
  };
}

function stringsOf(path: string, text: string): Record<string, string> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw badData(path, 'metadata that is not JSON', 'a JSON object of strings', { cause });
  }
  const entries = Object.entries(value as object);
  const wrong = entries.find(([, one]) => typeof one !== 'string');
  if (wrong) throw badData(path, `metadata with ${shown(wrong[0])} that is no string`, 'a JSON object of strings');
  return Object.fromEntries(entries) as Record<string, string>;
}

/**
 * Reads a delta file, checked against the tensors that it starts from.
 *
 * @throws AntidoteError (data) that names the file, the tensor, and how it does not fit
 */
export async function readDelta(path: string, base: ReadonlyMap<string, StoredTensor>): Promise<Delta> {
  const { tensors: stored, metadata } = await openSafetensors(path);
  const record = recordOf(path, metadata);
  const tensors = new Map<string, TensorDelta>();
  for (const key of stored.keys()) {
    const prefix = Object.values(part).find((known) => key.startsWith(known));
    const name = prefix && key.slice(prefix.length);
    const before = name === undefined ? undefined : base.get(name);
    if (name === undefined || !before)
      throw badData(`${path}: tensor ${shown(key)}`, 'a change of what the base does not have', 'its tensors alone');
    const isWhole = stored.has(part.whole + name);
    if (isWhole && prefix !== part.whole)
      throw badData(`${path}: tensor ${shown(name)}`, 'both a whole tensor and moves of it', 'one of them');
    const read = (kind: keyof typeof part) => readPart(path, stored, part[kind] + name);
    if (isWhole) tensors.set(name, await wholeOf(path, name, before, read));
    else if (!tensors.has(name)) tensors.set(name, await movedOf(path, name, before, read));
  }
  return { record, tensors };
}

type PartReader = (kind: keyof typeof part) => Promise<{ stored: StoredTensor; tensor: Tensor } | undefined>;

async function readPart(path: string, stored: ReadonlyMap<string, StoredTensor>, key: string) {
  const found = stored.get(key);
  if (!found) return undefined;
  const tensor = await readTensor(found);
  if (tensor.dtype === 'float32' && !tensor.data.every(Number.isFinite))
    throw badData(`${path}: tensor ${shown(key)}`, 'numbers that are not finite', 'finite numbers');
  return { stored: found, tensor };
}

async function wholeOf(path: string, name: string, before: StoredTensor, read: PartReader): Promise<TensorDelta> {
  const where = `${path}: tensor ${shown(name)}`;
  const { stored, tensor } = (await read('whole'))!;
  const like = `${showType(before.dtype, before.shape)}, as in the base`;
  if (stored.dtype !== before.dtype || stored.shape.join() !== before.shape.join())
    throw badData(where, showType(stored.dtype, stored.shape), like);
  if (tensor.dtype !== 'float32') throw badData(where, `the element type ${stored.dtype}`, 'float16 or float32');
  const { shape, data } = tensor as Tensor<'float32'>;
  return {
    kind: 'whole',
    tensor:
      stored.dtype === 'float16'
        ? { dtype: 'float16', shape, data: toFloat16(data) }
        : { dtype: 'float32', shape, data },
  };
}

async function movedOf(path: string, name: string, before: StoredTensor, read: PartReader): Promise<TensorDelta> {
  const where = `${path}: tensor ${shown(name)}`;
  const [rows, steps, levels] = [await read('rows'), await read('steps'), await read('levels')];
  const [all = 0, ...others] = before.shape;
  if (before.dtype !== 'float16' || before.shape.length < 2)
    throw badData(where, `moves of a ${showType(before.dtype, before.shape)}`, 'moves of float16 matrices alone');
  const count = rows?.stored.shape[0] ?? all;
  const wanted = {
    rows: ['int32', [count]],
    steps: ['float32', [count]],
    levels: ['uint8', [count, ...others]],
  } as const;
  for (const [kind, found] of Object.entries({ ...(rows && { rows }), steps, levels })) {
    const [dtype, shape] = wanted[kind as keyof typeof wanted];
    if (!found) throw badData(where, `no ${kind}`, showType(dtype, shape));
    if (found.stored.dtype !== dtype || found.stored.shape.join() !== shape.join())
      throw badData(where, `${kind} ${showType(found.stored.dtype, found.stored.shape)}`, showType(dtype, shape));
  }
  const positions = (rows?.tensor.data as Int32Array | undefined) ?? Int32Array.from({ length: all }, (_, row) => row);
  const wrong = positions.findIndex((row, at) => row >= all || row <= (at === 0 ? -1 : positions[at - 1]!));
  if (wrong >= 0) throw badData(where, `row ${positions[wrong]}`, `ascending rows below ${all}`);
  const sizes = steps!.tensor.data as Float32Array;
  const negative = sizes.findIndex((step) => step < 0);
  if (negative >= 0) throw badData(where, `the step ${sizes[negative]}`, 'steps that are not negative');
  return { kind: 'moved', rows: positions, steps: sizes, levels: levels!.tensor.data as Uint8Array };
}

/** Applies the moves to a float16 tensor of the base: the exact definition of the delta. */
export function moved(
  before: Tensor<'float16'>,
  { rows, steps, levels }: TensorDelta & { readonly kind: 'moved' },
): Tensor<'float16'> {
  const data = before.data.slice();
  const length = elements(before.shape.slice(1));
  rows.forEach((row, at) => {
    const values = fromFloat16(before.data.subarray(row * length, (row + 1) * length));
    const step = steps[at]!;
    for (let i = 0; i < length; i++) values[i]! += step * (levels[at * length + i]! - still);
    data.set(toFloat16(values), row * length);
  });
  return { ...before, data };
}
