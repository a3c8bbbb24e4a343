/** @file Writes a CLIP as a folder that open_clip's `create_model('local-dir:...')` loads. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClipConfig } from '../clip/config.ts';
import { parameterPlan } from '../clip/initialise.ts';
import { type AntidoteError, internalError } from '../errors.ts';
import { explainingFile } from '../tensor/files/file-problem.ts';
import { writeJson } from '../tensor/files/json-file.ts';
import { toFloat16 } from '../tensor/float16.ts';
import { writeSafetensors } from '../tensor/safetensors.ts';
import { elements, type Tensor } from '../tensor/tensor.ts';
import { toOpenClipConfig } from './config/open-clip.ts';

/**
 * Writes `open_clip_config.json`, then `open_clip_model.safetensors`, which appears complete or not at all. In this
 * order, as a configuration without weights is refused, but weights without a configuration are read by guessing it.
 *
 * @param parameters by OpenAI's names, exactly those of the architecture
 * @param precision `float16` halves the file and rounds each number to 11 significant bits
 * @param metadata strings kept in the head of the weights file
 */
export async function writeOpenClip(
  folder: string,
  config: ClipConfig,
  parameters: Readonly<Record<string, Tensor<'float32'>>>,
  precision: 'float32' | 'float16',
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, { shape }] of parameterPlan(config)) {
    const tensor = parameters[name];
    if (tensor?.data.length !== elements(shape))
      throw unusable(name, tensor, `a tensor of shape [${shape.join(', ')}]`);
    tensors[name] = precision === 'float32' ? { ...tensor, shape } : halved(name, { ...tensor, shape });
  }
  const extra = Object.keys(parameters).find((name) => !Object.hasOwn(tensors, name));
  if (extra !== undefined) throw unusable(extra, parameters[extra], 'only parameters of the architecture');
  await explainingFile(folder, () => mkdir(folder, { recursive: true }));
  await writeJson(join(folder, 'open_clip_config.json'), toOpenClipConfig(config));
  // Python's safetensors requires the name of a framework.
  await writeSafetensors(join(folder, 'open_clip_model.safetensors'), tensors, { format: 'pt', ...metadata });
}

function halved(name: string, { shape, data }: Tensor<'float32'>): Tensor<'float16'> {
  const halves = toFloat16(data);
  if (halves.some((half) => (half & 0x7c00) === 0x7c00))
    throw unusable(name, undefined, 'numbers that float16 can hold, up to 65504');
  return { dtype: 'float16', shape, data: halves };
}

function unusable(name: string, tensor: Tensor | undefined, expected: string): AntidoteError {
  const found = tensor ? `a tensor of shape [${tensor.shape.join(', ')}]` : 'none';
  return internalError(`parameter "${name}"`, found, expected);
}
