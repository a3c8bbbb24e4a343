/** @file Batch normalisation in training: with statistics of the batch, and running statistics recomputed after it. */
import type { ClipConfig } from '../clip/config.ts';
import { pixelsOf } from '../clip/encode-pictures.ts';
import { imageTower } from '../clip/image-tower.ts';
import type { BatchNormalisation } from '../clip/modified-resnet.ts';
import { liveParameters, type ParameterValues } from '../clip/parameters.ts';
import type { Pictures } from '../clip/pictures/pictures.ts';
import { type Engine, withProgram } from '../engine/engine.ts';
import { mul } from '../graph/elementwise.ts';
import { constant, input } from '../graph/leaves.ts';
import { batchNormTraining } from '../graph/normalization.ts';
import type { Value } from '../graph/value.ts';
import { elements, float32, type Tensor } from '../tensor/tensor.ts';

/** Whether a parameter is a running statistic of batch normalisation, which no gradient updates. */
export const isStatistic = (name: string) => name.endsWith('.running_mean') || name.endsWith('.running_var');

/** Batch normalisation with the batch's statistics, which it collects in `statistics` for the running ones. */
export function batchStatistics(parameters: ParameterValues): {
  normalise: BatchNormalisation;
  statistics: ReadonlyMap<string, Value>;
} {
  const statistics = new Map<string, Value>();
  const normalise: BatchNormalisation = (name, x) => {
    const { y, mean, variance } = batchNormTraining(x, parameters(`${name}.weight`), parameters(`${name}.bias`));
    const count = elements(x.shape) / x.shape[1]!;
    statistics.set(`${name}.running_mean`, mean);
    // Running variances are unbiased, as in PyTorch.
    statistics.set(`${name}.running_var`, mul(variance, count / (count - 1)));
    return y;
  };
  return { normalise, statistics };
}

/**
 * Running statistics of fixed weights: means over batches (PyTorch's `torch.optim.swa_utils.update_bn`). None where the
 * image tower has no batch normalisation.
 *
 * @param batch pictures of every batch
 * @param batches read one after another
 */
export async function runningStatistics(
  engine: Engine,
  config: ClipConfig,
  weights: Readonly<Record<string, Tensor<'float32'>>>,
  batch: number,
  batches: AsyncIterable<Pictures>,
): Promise<Record<string, Tensor<'float32'>>> {
  const size = config.image.resolution;
  const parameters = liveParameters(new Map(Object.entries(weights).map(([name, tensor]) => [name, constant(tensor)])));
  const { normalise, statistics } = batchStatistics(parameters);
  imageTower(config, parameters, pixelsOf(input('pictures', [batch, 3, size, size], 'uint8')), normalise);
  if (statistics.size === 0) return {};
  return withProgram(engine, { outputs: Object.fromEntries(statistics) }, async (program) => {
    const sums = new Map([...statistics].map(([name, { shape }]) => [name, new Float64Array(elements(shape))]));
    let count = 0;
    for await (const pictures of batches) {
      const outputs = await program.run({ pictures });
      for (const [name, sum] of sums) {
        const values = outputs[name]!.data as Float32Array;
        for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!;
      }
      count++;
    }
    return Object.fromEntries(
      [...sums].map(([name, sum]) => [
        name,
        float32(
          Float32Array.from(sum, (value) => value / count),
          [sum.length],
        ),
      ]),
    );
  });
}
