/** @file Loads parameters into memory, joined and transposed where needed: for training, which changes them. */
import { readTensor } from '../tensor/safetensors.ts';
import { float32, type Tensor } from '../tensor/tensor.ts';
import type { Parameter, Parameters } from './clip.ts';

/** All parameters by OpenAI's names, widened to float32. */
export async function loadParameters(parameters: Parameters): Promise<Record<string, Tensor<'float32'>>> {
  const loaded: Record<string, Tensor<'float32'>> = {};
  for (const [name, parameter] of parameters) loaded[name] = await load(parameter);
  return loaded;
}

async function load(parameter: Parameter): Promise<Tensor<'float32'>> {
  switch (parameter.kind) {
    case 'stored':
      return (await readTensor(parameter.tensor)) as Tensor<'float32'>;
    case 'transposed':
      return transposed(await load(parameter.of));
    case 'joined': {
      const parts = await Promise.all(parameter.parts.map(load));
      return joined(parts, parameter.axis);
    }
  }
}

function transposed({ shape, data }: Tensor<'float32'>): Tensor<'float32'> {
  const [rows = 1, columns = 1] = shape;
  const result = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) result[column * rows + row] = data[row * columns + column]!;
  }
  return float32(result, [columns, rows]);
}

function joined(parts: readonly Tensor<'float32'>[], axis: number): Tensor<'float32'> {
  if (axis !== 0) throw new RangeError(`layouts join parameters on their first axis, not on ${axis}`);
  const [first] = parts;
  const data = new Float32Array(parts.reduce((total, part) => total + part.data.length, 0));
  let from = 0;
  for (const part of parts) {
    data.set(part.data, from);
    from += part.data.length;
  }
  return float32(data, [parts.reduce((rows, part) => rows + part.shape[0]!, 0), ...first!.shape.slice(1)]);
}
