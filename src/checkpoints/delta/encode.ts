/** @file Writes a model as its delta from another, and hashes the model that the delta gives. */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { badData } from '../../errors.ts';
import { fromFloat16 } from '../../tensor/float16.ts';
import { openSafetensors, writeSafetensors } from '../../tensor/safetensors.ts';
import { sha256OfFile } from '../../tensor/sha256.ts';
import { elements, type StoredTensor, showType, type Tensor } from '../../tensor/tensor.ts';
import { expanded, readStored } from './expand.ts';
import { deltaContent, still, type TensorDelta } from './format.ts';

/** Levels on either side of `still`. */
const levelsEachWay = 127;

/**
 * Writes the delta file. The model that it gives is not bit-identical to `model`: each moved weight is off by at most
 * half of its row's step, 1/254 of the row's largest move. Measure the model that the delta gives.
 *
 * @param base file of weights of the built-in model of that name; safetensors
 * @param model file of weights with the same tensors
 * @returns SHA-256 of the weights that the delta gives, and bytes of the delta file
 */
export async function writeDelta(
  path: string,
  base: { readonly name: string; readonly weights: string },
  model: string,
): Promise<{ readonly sha256: string; readonly bytes: number }> {
  const before = await openSafetensors(base.weights);
  const after = await openSafetensors(model);
  checkAlike(model, before.tensors, after.tensors);
  const tensors = new Map<string, TensorDelta>();
  for (const [name, stored] of before.tensors) {
    const delta = deltaOf(await readStored(stored), await readStored(after.tensors.get(name)!));
    if (delta) tensors.set(name, delta);
  }
  const { metadata } = after;
  const record = {
    base: base.name,
    baseSha256: await sha256OfFile(base.weights),
    sha256: await hashOf(await expanded(before.tensors, tensors), metadata),
    metadata,
  };
  const written = deltaContent({ record, tensors }, (name) => before.tensors.get(name)!.shape);
  await writeSafetensors(path, written.content, written.metadata);
  return { sha256: record.sha256, bytes: (await stat(path)).size };
}

function checkAlike(
  path: string,
  before: ReadonlyMap<string, StoredTensor>,
  after: ReadonlyMap<string, StoredTensor>,
): void {
  const form = (tensor: StoredTensor | undefined) => (tensor ? showType(tensor.dtype, tensor.shape) : 'nothing');
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const [expected, found] = [form(before.get(name)), form(after.get(name))];
    if (expected !== found) throw badData(`${path}: tensor "${name}"`, found, `${expected}, as in the base`);
  }
}

/** Undefined where nothing changed. */
function deltaOf(before: Tensor<'float16' | 'float32'>, after: Tensor<'float16' | 'float32'>): TensorDelta | undefined {
  if (before.dtype !== 'float16' || before.shape.length < 2) {
    return before.data.every((value, i) => value === after.data[i]) ? undefined : { kind: 'whole', tensor: after };
  }
  const length = elements(before.shape.slice(1));
  const [from, to] = [before, after].map(({ data }) => fromFloat16(data as Uint16Array));
  const move = (i: number) => to![i]! - from![i]!;
  const largest = Float64Array.from({ length: before.shape[0]! }, (_, row) => {
    let most = 0;
    for (let i = row * length; i < (row + 1) * length; i++) most = Math.max(most, Math.abs(move(i)));
    return most;
  });
  const rows = Int32Array.from([...largest.keys()].filter((row) => largest[row]! > 0));
  if (rows.length === 0) return undefined;
  const steps = Float32Array.from(rows, (row) => largest[row]! / levelsEachWay);
  const levels = new Uint8Array(rows.length * length);
  rows.forEach((row, at) => {
    for (let i = 0; i < length; i++) {
      const level = Math.round(move(row * length + i) / steps[at]!);
      levels[at * length + i] = still + Math.min(levelsEachWay, Math.max(-levelsEachWay, level));
    }
  });
  return { kind: 'moved', rows, steps, levels };
}

async function hashOf(
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>>,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'antidote-delta-'));
  try {
    const path = join(folder, 'model.safetensors');
    await writeSafetensors(path, tensors, metadata);
    return await sha256OfFile(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
