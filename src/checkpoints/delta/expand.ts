/** @file Expands a delta with its base to a model, once, in a cache: ONNX Runtime maps weights from a file. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { badData } from '../../errors.ts';
import { writeFileAtomically } from '../../tensor/files/atomic-file.ts';
import { cacheFolder } from '../../tensor/files/cache-folder.ts';
import { explainingFile } from '../../tensor/files/file-problem.ts';
import { openSafetensors, readKeepingHalf, writeSafetensors } from '../../tensor/safetensors.ts';
import { sha256OfFile } from '../../tensor/sha256.ts';
import type { StoredTensor, Tensor } from '../../tensor/tensor.ts';
import { deltaFile, moved, readDelta, readDeltaRecord, type TensorDelta } from './format.ts';

const weightsFile = 'open_clip_model.safetensors';
const configFile = 'open_clip_config.json';

/**
 * The expanded weights of a folder with a delta: a file in the cache, in a folder named after its SHA-256 and checked
 * against it every time. A damaged or incomplete copy is made again. The configuration is copied beside it, so that
 * open_clip can load the folder too.
 *
 * @param folderOf gives the folder of a built-in model
 * @throws AntidoteError (data) for a delta that is damaged or has another base
 */
export async function expandDelta(folder: string, folderOf: (name: string) => string | undefined): Promise<string> {
  const path = join(folder, deltaFile);
  const record = await readDeltaRecord(path);
  const whole = cacheFolder(process.env, 'models', record.sha256);
  const weights = join(whole, weightsFile);
  if ((await sha256OfFile(weights).catch(() => undefined)) === record.sha256) return weights;
  const baseFolder = folderOf(record.base);
  if (baseFolder === undefined)
    throw badData(path, `a delta from "${record.base}"`, 'one from a built-in model', 'another version made it');
  const base = join(baseFolder, weightsFile);
  const found = await sha256OfFile(base);
  if (found !== record.baseSha256)
    throw badData(base, `SHA-256 ${found}`, `${record.baseSha256}, from which ${path} was made`);
  const { tensors } = await openSafetensors(base);
  const delta = await readDelta(path, tensors);
  await makeFolder(whole);
  await writeSafetensors(weights, await expanded(tensors, delta.tensors), record.metadata);
  const given = await sha256OfFile(weights);
  if (given !== record.sha256)
    throw badData(path, `a delta that gives weights of SHA-256 ${given}`, record.sha256, 'it is damaged');
  const configPath = join(folder, configFile);
  const config = await explainingFile(configPath, () => readFile(configPath));
  await writeFileAtomically(join(whole, configFile), config);
  return weights;
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw badData(path, 'a folder that cannot be made', 'one for models put together from a delta', {
      advice: 'set XDG_CACHE_HOME to a folder that can be written',
      cause: error,
    });
  }
}

/** All tensors of the model, in the base's element types. */
export async function expanded(
  base: ReadonlyMap<string, StoredTensor>,
  deltas: ReadonlyMap<string, TensorDelta>,
): Promise<Record<string, Tensor>> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, stored] of base) {
    const delta = deltas.get(name);
    if (delta?.kind === 'whole') tensors[name] = delta.tensor;
    else {
      const before = await readStored(stored);
      tensors[name] = delta ? moved(before as Tensor<'float16'>, delta) : before;
    }
  }
  return tensors;
}

/** A tensor in its stored precision. */
export async function readStored(tensor: StoredTensor): Promise<Tensor<'float16' | 'float32'>> {
  const { path, dtype } = tensor;
  if (dtype !== 'float16' && dtype !== 'float32') {
    throw badData(path, `a tensor of ${dtype}`, 'float16 and float32 alone', 'deltas are of such models');
  }
  return (await readKeepingHalf(tensor)) as Tensor<'float16' | 'float32'>;
}
