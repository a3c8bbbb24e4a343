/** @file CLIP's training losses, image-text contrast and class proxies, and training of all parameters with both. */
import type { ClipConfig } from '../clip/config.ts';
import type { Pictures } from '../clip/pictures/pictures.ts';
import type { Engine, Tensors } from '../engine/engine.ts';
import { crossEntropy, l2Normalize } from '../graph/composites.ts';
import { add, mul } from '../graph/elementwise.ts';
import { transpose } from '../graph/layout.ts';
import { input } from '../graph/leaves.ts';
import { matMul } from '../graph/linear-algebra.ts';
import type { Value } from '../graph/value.ts';
import type { Recorder } from '../runs/recorder.ts';
import { float32, type Tensor } from '../tensor/tensor.ts';
import { warmupCosine } from './schedule.ts';
import { trainClip } from './train-clip.ts';

/** Image-text pairs of one step. */
export interface Pairs {
  /** [batch, 3, size, size] */
  readonly pictures: Pictures;
  /** Token ids, padded, int64 [batch, length]. */
  readonly ids: Tensor<'int64'>;
  /** Position of each end mark, int64 [batch]. */
  readonly ends: Tensor<'int64'>;
  /** Pairs of equal group match one another: their captions mean the same. Indices of proxies. */
  readonly groups: Int32Array;
}

export interface ContrastiveOptions {
  readonly steps: number;
  readonly batch: number;
  /** Tokens of the padded captions. */
  readonly length: number;
  readonly rate: number;
  readonly warmup: number;
  readonly weightDecay: number;
  /** Largest norm of the whole gradient. */
  readonly clipNorm: number;
  /** Share of the running average that each step keeps; training returns the averaged weights. */
  readonly average: number;
  readonly saveEvery: number;
}

export interface ContrastiveTraining extends ContrastiveOptions {
  readonly config: ClipConfig;
  /** Parameters by OpenAI's names. */
  readonly start: Readonly<Record<string, Tensor<'float32'>>>;
  /** First values of the proxies, [groups, embedding]. */
  readonly proxies: Tensor<'float32'>;
  /** The batch of a step, counted from 1; must depend on nothing else. */
  readonly pairs: (step: number) => Pairs | Promise<Pairs>;
  /** Called after every step; its result is added to the event. */
  readonly measure?: (step: number, parameters: () => Promise<Tensors>) => Promise<Record<string, number> | undefined>;
}

/** CLIP's second moment decay and epsilon for residual networks (Radford et al., arXiv 2103.00020, table 18). */
const adamOfClip = { beta1: 0.9, beta2: 0.98, epsilon: 1e-6 };

/** Name of the proxies among the parameters by OpenAI's names, none of which is called so. */
const proxyTable = 'proxies';

/**
 * Trains all parameters.
 *
 * A small batch contains few negatives. So every group has a *proxy*, a learned direction that stands for all its pictures
 * and texts (Movshovitz-Attias et al., arXiv 1703.07464): pictures and texts of a step are compared with the proxies of
 * all groups as well as with each other. Proxies are not part of the model.
 *
 * @returns averaged parameters, running statistics included
 */
export async function trainContrastive(
  engine: Engine,
  training: ContrastiveTraining,
  recorder: Recorder,
): Promise<Record<string, Tensor<'float32'>>> {
  const { config, start, proxies, pairs, measure } = training;
  const { steps, batch, length, rate, warmup, weightDecay, clipNorm, average, saveEvery } = training;
  const groupCount = proxies.shape[0]!;
  const trained = await trainClip(
    engine,
    {
      stage: 'train',
      config,
      start: { ...start, [proxyTable]: proxies },
      rows: { pictures: batch, texts: batch, length },
      loss: ({ images, texts, scale, parameters }) => {
        const targets = input('matches', [batch, batch]);
        const members = input('members', [batch, groupCount]);
        const directions = mul(transpose(l2Normalize(parameters(proxyTable)), [1, 0]), scale);
        const toProxies = (embeddings: Value) => crossEntropy(matMul(embeddings, directions), members);
        const proxyLoss = mul(add(toProxies(images), toProxies(texts)), 0.5);
        return { loss: add(symmetricContrast(images, texts, scale, targets), proxyLoss) };
      },
      feeds: async (step) => {
        const { pictures, ids, ends, groups } = await pairs(step);
        return { pictures, ids, ends, matches: matches(groups), members: memberships(groups, groupCount) };
      },
      steps,
      rate: (step) => warmupCosine(step, steps, rate, warmup),
      adam: adamOfClip,
      weightDecay,
      clipNorm,
      average,
      saveEvery,
      ...(measure && { measure: (step, parameters) => measure(step, async () => modelOf(await parameters())) }),
    },
    recorder,
  );
  return modelOf(trained);
}

/** The parameters without the proxies. */
function modelOf<T>({ [proxyTable]: _, ...parameters }: Readonly<Record<string, T>>): Record<string, T> {
  return parameters;
}

/**
 * CLIP's loss: symmetric InfoNCE, pictures to captions and captions to pictures.
 *
 * @param images unit rows, [batch, embedding]; `texts` likewise, their captions row by row
 * @param targets which captions match each picture, [batch, batch], rows summing to 1, symmetric (`matches`)
 */
export function symmetricContrast(images: Value, texts: Value, scale: Value, targets: Value): Value {
  const logits = mul(matMul(images, transpose(texts, [1, 0])), scale);
  return mul(add(crossEntropy(logits, targets), crossEntropy(transpose(logits, [1, 0]), targets)), 0.5);
}

/** One-hot targets [batch, groupCount]: the proxy of each pair. */
function memberships(groups: Int32Array, groupCount: number): Tensor<'float32'> {
  const data = new Float32Array(groups.length * groupCount);
  groups.forEach((group, row) => {
    data[row * groupCount + group] = 1;
  });
  return float32(data, [groups.length, groupCount]);
}

/** Soft targets [batch, batch]: each row spreads its weight evenly over the columns of its group. */
export function matches(groups: Int32Array): Tensor<'float32'> {
  const batch = groups.length;
  const data = new Float32Array(batch * batch);
  for (let row = 0; row < batch; row++) {
    let same = 0;
    for (let column = 0; column < batch; column++) if (groups[column] === groups[row]) same++;
    for (let column = 0; column < batch; column++) {
      if (groups[column] === groups[row]) data[row * batch + column] = 1 / same;
    }
  }
  return float32(data, [batch, batch]);
}
