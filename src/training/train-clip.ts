/** @file Training all weights of a CLIP with any loss. */
import type { ClipConfig } from '../clip/config.ts';
import { pixelsOf } from '../clip/encode-pictures.ts';
import { imageTower } from '../clip/image-tower.ts';
import { liveParameters, type ParameterValues } from '../clip/parameters.ts';
import type { Pictures } from '../clip/pictures/pictures.ts';
import { textTower, tokenEmbedding } from '../clip/text-tower.ts';
import type { Engine, Tensors } from '../engine/engine.ts';
import { l2Normalize } from '../graph/composites.ts';
import { add, clip, exp, mul } from '../graph/elementwise.ts';
import { gradients } from '../graph/gradients.ts';
import type { Graph, StateValue } from '../graph/graph.ts';
import { input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import type { Recorder } from '../runs/recorder.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type AdamOptions, adam, adamFeeds, adamStart } from './adam.ts';
import { clipByNorm, gradientNorm } from './gradient-clipping.ts';
import { type Optimisation, optimise, scalar } from './optimise.ts';
import { batchStatistics, isStatistic } from './running-statistics.ts';

/** Inputs of a loss in one step. Embeddings have unit length and are computed with the weights under training. */
export interface TrainedBatch {
  /** [pictures, embedding] */
  readonly images: Value;
  /** [texts, embedding] */
  readonly texts: Value;
  /** Factor of the cosines: exp(logit_scale), at most 100 as in CLIP. */
  readonly scale: Value;
  /** Sources of the embeddings: pixels in [0, 1], token ids, positions of the end marks. */
  readonly pixels: Value;
  readonly ids: Value;
  readonly ends: Value;
  /** Everything under training, by name. */
  readonly parameters: ParameterValues;
}

/** Losses by name. `loss` is minimised, the others are only recorded. Further inputs are fed by `feeds`. */
export type ClipLoss = (batch: TrainedBatch) => Readonly<Record<string, Value>> & { readonly loss: Value };

/** Inputs of one step, and further inputs of the loss. */
export interface ClipFeeds extends Tensors {
  /** [pictures, 3, size, size] */
  readonly pictures: Pictures;
  /** Token ids, padded, int64 [texts, length]. */
  readonly ids: Tensor<'int64'>;
  /** Position of each end mark, int64 [texts]. */
  readonly ends: Tensor<'int64'>;
}

export interface ClipTraining {
  /** Names events and the checkpoint. */
  readonly stage: string;
  readonly config: ClipConfig;
  /** Parameters by OpenAI's names, and other values that the loss trains. */
  readonly start: Readonly<Record<string, Tensor<'float32'>>>;
  /** Rows of one step, and tokens of the padded texts. */
  readonly rows: { readonly pictures: number; readonly texts: number; readonly length: number };
  readonly loss: ClipLoss;
  /** Inputs of a step, counted from 1; must depend on nothing else. */
  readonly feeds: (step: number) => ClipFeeds | Promise<ClipFeeds>;
  readonly steps: number;
  /** Learning rate of a step. */
  readonly rate: (step: number) => number;
  readonly adam: Omit<AdamOptions, 'weightDecay'>;
  /** For the parameters for which {@link decays} holds. */
  readonly weightDecay: number;
  /** Largest norm of the whole gradient; not clipped if left out. */
  readonly clipNorm?: number;
  /** Share of the running average that each step keeps; training then returns the averaged weights. */
  readonly average?: number;
  readonly saveEvery: number;
  /** Called after every step; its result is added to the event. */
  readonly measure?: (step: number, parameters: () => Promise<Tensors>) => Promise<Record<string, number> | undefined>;
}

/** The logit scale is at most 100, as in CLIP. */
const largestLogScale = Math.log(100);
const withinLogScale = (x: Value) => clip(x, -largestLogScale, largestLogScale);

/** Share of the old running statistics that a step keeps (PyTorch's momentum of 0.1). */
const statisticsKept = 0.9;

/**
 * Whether weight decay applies: not to gains, biases and the logit scale, as in CleanCLIP and open_clip, nor to the
 * text tower's positions, which decay in both of them. Gains and biases are recognised by rank, as in open_clip;
 * CleanCLIP goes by names, by which the gains of ResNet's shortcuts and ViT's class embedding decay too.
 */
export const decays = (name: string, rank: number) => rank > 1 && name !== 'positional_embedding';

/**
 * Trains everything in `start`.
 *
 * Batch normalisation uses the statistics of the batch, and running statistics follow them, as in the published code of
 * CleanCLIP and PAR (`model.train()`). With fixed running statistics, a tuned model would still be normalised by those of
 * the poisoned training.
 *
 * @returns the trained values of `start`, running statistics included
 */
export async function trainClip(
  engine: Engine,
  training: ClipTraining,
  recorder: Recorder,
): Promise<Record<string, Tensor<'float32'>>> {
  const { stage, start, steps, rate, feeds, saveEvery, measure } = training;
  const adamOptions: AdamOptions = {
    ...training.adam,
    weightDecay: (name) => (decays(name, start[name]!.shape.length) ? training.weightDecay : 0),
  };
  const { graph, recorded } = trainingStep(training, adamOptions);
  const optimisation: Optimisation = {
    stage,
    graph,
    start: startState(training),
    steps,
    saveEvery,
    feeds: async (step) => ({ ...(await feeds(step)), ...adamFeeds(step, rate(step), adamOptions) }),
    measure: async (step, outputs, state) => ({
      ...Object.fromEntries(recorded.map((name) => [name, scalar(outputs[name])])),
      ...(await measure?.(step, async () => trained(await state(), start))),
    }),
  };
  return trained(await optimise(engine, optimisation, recorder), start);
}

/** One step as a graph: losses, gradients, clipping, AdamW, running statistics, averages. */
function trainingStep(training: ClipTraining, adamOptions: AdamOptions): { graph: Graph; recorded: readonly string[] } {
  const { config, start, rows, loss, clipNorm, average } = training;
  const size = config.image.resolution;
  const values = new Map(Object.entries(start).map(([name, { shape }]) => [name, input(name, shape)]));
  const learned = new Map([...values].filter(([name]) => !isStatistic(name)));
  const parameters = liveParameters(values);
  const { normalise, statistics } = batchStatistics(parameters);

  const pixels = pixelsOf(input('pictures', [rows.pictures, 3, size, size], 'uint8'));
  const ids = input('ids', [rows.texts, rows.length], 'int64');
  const ends = input('ends', [rows.texts], 'int64');
  const losses = loss({
    images: l2Normalize(imageTower(config, parameters, pixels, normalise)),
    texts: l2Normalize(textTower(config, parameters, tokenEmbedding(parameters, ids), ends)),
    scale: exp(withinLogScale(parameters('logit_scale'))),
    pixels,
    ids,
    ends,
    parameters,
  });

  const raw = gradients(losses.loss, [...learned.values()]);
  const norm = gradientNorm(raw);
  const state = adam(learned, clipNorm === undefined ? raw : clipByNorm(raw, norm, clipNorm), adamOptions);
  // Beyond the bound it has no gradient: moved there by its moments, it could not return.
  state.logit_scale = { input: values.get('logit_scale')!, next: withinLogScale(state.logit_scale!.next) };
  for (const [name, value] of statistics) {
    const running = values.get(name)!;
    state[name] = { input: running, next: add(mul(running, statisticsKept), mul(value, 1 - statisticsKept)) };
  }
  const outputs = { ...losses, gradient: norm };
  return {
    graph: { outputs, state: { ...state, ...(average === undefined ? {} : averages(learned, state, average)) } },
    recorded: Object.keys(outputs),
  };
}

/** Exponential moving averages of the parameters under `name.average`. */
function averages(
  learned: ReadonlyMap<string, Value>,
  state: Readonly<Record<string, StateValue>>,
  kept: number,
): Record<string, StateValue> {
  const result: Record<string, StateValue> = {};
  for (const [name, { shape }] of learned) {
    const past = input(`${name}.average`, shape);
    result[`${name}.average`] = { input: past, next: add(mul(past, kept), mul(state[name]!.next, 1 - kept)) };
  }
  return result;
}

function startState({ start, average }: ClipTraining): Record<string, Tensor> {
  const all = Object.entries(start);
  const learned = all.filter(([name]) => !isStatistic(name));
  return {
    ...Object.fromEntries(all.filter(([name]) => isStatistic(name))),
    ...adamStart(Object.fromEntries(learned)),
    ...(average === undefined ? {} : Object.fromEntries(learned.map(([name, tensor]) => [`${name}.average`, tensor]))),
  };
}

/** The parameters in the whole state: their averages where there are any. */
function trained(state: Tensors, start: Readonly<Record<string, Tensor>>): Record<string, Tensor<'float32'>> {
  return Object.fromEntries(
    Object.keys(start).map((name) => [name, (state[`${name}.average`] ?? state[name]) as Tensor<'float32'>]),
  );
}
