/** @file Training a whole CLIP on image-text pairs: InfoNCE and class proxies, batch statistics, averaged weights. */
import type { ClipConfig } from '../clip/config.ts';
import { pixelsOf } from '../clip/encode.ts';
import { imageTower } from '../clip/image-tower.ts';
import type { BatchNormalisation } from '../clip/modified-resnet.ts';
import { liveParameters } from '../clip/parameters.ts';
import { textTower, tokenEmbedding } from '../clip/text-tower.ts';
import type { Pictures } from '../data/pictures.ts';
import type { Engine, Tensors } from '../engine/engine.ts';
import { crossEntropy, l2Normalize } from '../graph/composites.ts';
import { add, clip, div, exp, maximum, mul, sqrt, square } from '../graph/elementwise.ts';
import { gradients } from '../graph/gradients.ts';
import type { Graph, StateValue } from '../graph/graph.ts';
import { transpose } from '../graph/layout.ts';
import { input } from '../graph/leaves.ts';
import { matMul } from '../graph/linear-algebra.ts';
import { batchNormTraining } from '../graph/normalization.ts';
import { sum } from '../graph/reduction.ts';
import type { Value } from '../graph/value.ts';
import type { Recorder } from '../runs/recorder.ts';
import { elements, float32, type Tensor } from '../tensor/tensor.ts';
import { type AdamOptions, adam, adamFeeds, adamStart } from './adam.ts';
import { type Optimisation, optimise, scalar } from './optimise.ts';
import { warmupCosine } from './schedule.ts';

/** Image-text pairs of one step. */
export interface Pairs {
  /** [batch, 3, size, size] */
  readonly pictures: Pictures;
  /** Token ids, padded, int64 [batch, length]. */
  readonly ids: Tensor<'int64'>;
  /** Position of each end mark, int64 [batch]. */
  readonly ends: Tensor<'int64'>;
  /** Pairs of equal group are matches of one another: their captions mean the same thing. Rows of the proxies. */
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
  /** Share of the average that each step keeps; the averaged weights are what training returns. */
  readonly average: number;
  readonly saveEvery: number;
}

/** CLIP's own second moment decay and epsilon for residual networks (Radford et al., arXiv 2103.00020, table 18). */
const adamOfClip = { beta1: 0.9, beta2: 0.98, epsilon: 1e-6 };

/** The logit scale is kept from exceeding 100, as in CLIP. */
const largestLogScale = Math.log(100);

/** Share of the old running statistics that a step keeps (PyTorch's momentum of 0.1). */
const statisticsKept = 0.9;

const isStatistic = (name: string) => name.endsWith('.running_mean') || name.endsWith('.running_var');

/** Gains, biases and the logit scale are not decayed (CleanCLIP and open_clip alike). */
const decays = (name: string, rank: number) => rank > 1 && name !== 'positional_embedding';

/** State of the proxies, beside parameters by OpenAI's names, none of which is called so. */
const proxyTable = 'proxies';

/**
 * Trains all parameters.
 *
 * A small batch shows a picture few of the other meanings there are. So every group has a *proxy*, a learned direction
 * that stands for all its pictures and texts (Movshovitz-Attias et al., arXiv 1703.07464): pictures and texts of a step
 * are compared with the proxies of all groups as well as with each other. Proxies are not part of the model.
 *
 * @param start parameters by OpenAI's names
 * @param proxies where the proxies start, [groups, embedding]
 * @param pairs the batch of a step (from 1); must depend on nothing else
 * @param measure called after every step; what it returns is added to the event
 * @returns averaged parameters, running statistics included
 */
export async function trainContrastive(
  engine: Engine,
  config: ClipConfig,
  start: Readonly<Record<string, Tensor<'float32'>>>,
  proxies: Tensor<'float32'>,
  pairs: (step: number) => Pairs | Promise<Pairs>,
  options: ContrastiveOptions,
  recorder: Recorder,
  measure: (step: number, parameters: () => Promise<Tensors>) => Promise<Record<string, number> | undefined>,
): Promise<Record<string, Tensor<'float32'>>> {
  const everything: Record<string, Tensor<'float32'>> = { ...start, [proxyTable]: proxies };
  const adamOptions: AdamOptions = {
    ...adamOfClip,
    weightDecay: (name) => (decays(name, everything[name]!.shape.length) ? options.weightDecay : 0),
  };
  const groupCount = proxies.shape[0]!;
  const optimisation: Optimisation = {
    stage: 'train',
    graph: contrastiveStep(config, everything, options, adamOptions),
    start: startState(everything),
    steps: options.steps,
    saveEvery: options.saveEvery,
    feeds: async (step) => {
      const { pictures, ids, ends, groups } = await pairs(step);
      const rate = warmupCosine(step, options.steps, options.rate, options.warmup);
      const targets = { matches: matches(groups), members: members(groups, groupCount) };
      return { pictures, ids, ends, ...targets, ...adamFeeds(step, rate, adamOptions) };
    },
    measure: async (step, outputs, state) => ({
      loss: scalar(outputs.loss),
      gradient: scalar(outputs.gradient),
      ...(await measure(step, async () => averaged(await state(), start))),
    }),
  };
  return averaged(await optimise(engine, optimisation, recorder), start);
}

/** One step as a graph: loss, gradients, clipping, AdamW, running statistics, averages. */
function contrastiveStep(
  config: ClipConfig,
  start: Readonly<Record<string, Tensor>>,
  { batch, length, clipNorm, average }: ContrastiveOptions,
  adamOptions: AdamOptions,
): Graph {
  const size = config.image.resolution;
  const values = new Map(Object.entries(start).map(([name, { shape }]) => [name, input(name, shape)]));
  const trained = new Map([...values].filter(([name]) => !isStatistic(name)));
  const parameters = liveParameters(values);
  const statistics = new Map<string, Value>();
  const normalise: BatchNormalisation = (name, x) => {
    const { y, mean, variance } = batchNormTraining(x, parameters(`${name}.weight`), parameters(`${name}.bias`));
    const count = elements(x.shape) / x.shape[1]!;
    statistics.set(`${name}.running_mean`, mean);
    // Running variances are unbiased, as PyTorch's.
    statistics.set(`${name}.running_var`, mul(variance, count / (count - 1)));
    return y;
  };

  const pixels = pixelsOf(input('pictures', [batch, 3, size, size], 'uint8'));
  const images = l2Normalize(imageTower(config, parameters, pixels, normalise));
  const tokens = tokenEmbedding(parameters, input('ids', [batch, length], 'int64'));
  const texts = l2Normalize(textTower(config, parameters, tokens, input('ends', [batch], 'int64')));
  const scale = exp(clip(parameters('logit_scale'), -largestLogScale, largestLogScale));
  const logits = mul(matMul(images, transpose(texts, [1, 0])), scale);
  const targets = input('matches', [batch, batch]);
  const contrast = mul(add(crossEntropy(logits, targets), crossEntropy(transpose(logits, [1, 0]), targets)), 0.5);
  const members = input('members', [batch, start[proxyTable]!.shape[0]!]);
  const directions = mul(transpose(l2Normalize(parameters(proxyTable)), [1, 0]), scale);
  const toProxies = (embeddings: Value) => crossEntropy(matMul(embeddings, directions), members);
  const loss = add(contrast, mul(add(toProxies(images), toProxies(texts)), 0.5));

  const raw = gradients(loss, [...trained.values()]);
  const norm = sqrt(raw.map((gradient) => sum(square(gradient))).reduce((total, part) => add(total, part)));
  const shrink = div(clipNorm, maximum(norm, clipNorm));
  const state = adam(
    trained,
    raw.map((gradient) => mul(gradient, shrink)),
    adamOptions,
  );
  for (const [name, value] of statistics) {
    const running = values.get(name)!;
    state[name] = { input: running, next: add(mul(running, statisticsKept), mul(value, 1 - statisticsKept)) };
  }
  return { outputs: { loss, gradient: norm }, state: { ...state, ...averages(trained, state, average) } };
}

/** Exponential moving averages of the parameters under `name.average`. */
function averages(
  trained: ReadonlyMap<string, Value>,
  state: Readonly<Record<string, StateValue>>,
  kept: number,
): Record<string, StateValue> {
  const result: Record<string, StateValue> = {};
  for (const [name, { shape }] of trained) {
    const past = input(`${name}.average`, shape);
    result[`${name}.average`] = { input: past, next: add(mul(past, kept), mul(state[name]!.next, 1 - kept)) };
  }
  return result;
}

function startState(start: Readonly<Record<string, Tensor<'float32'>>>): Record<string, Tensor> {
  const all = Object.entries(start);
  const trained = all.filter(([name]) => !isStatistic(name));
  return {
    ...Object.fromEntries(all.filter(([name]) => isStatistic(name))),
    ...adamStart(Object.fromEntries(trained)),
    ...Object.fromEntries(trained.map(([name, tensor]) => [`${name}.average`, tensor])),
  };
}

/** The averaged parameters out of the whole state. */
function averaged(state: Tensors, start: Readonly<Record<string, Tensor>>): Record<string, Tensor<'float32'>> {
  return Object.fromEntries(
    Object.keys(start).map((name) => [name, (state[`${name}.average`] ?? state[name]) as Tensor<'float32'>]),
  );
}

/** One-hot targets [batch, groupCount]: which proxy is a pair's own. */
function members(groups: Int32Array, groupCount: number): Tensor<'float32'> {
  const data = new Float32Array(groups.length * groupCount);
  groups.forEach((group, row) => {
    data[row * groupCount + group] = 1;
  });
  return float32(data, [groups.length, groupCount]);
}

/** Soft targets [batch, batch]: each row spreads its weight evenly over the columns of its own group. */
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
