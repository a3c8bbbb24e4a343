/**
 * @file Activation tuning: neurons of the image tower that a dummy trigger excites return to their activations on clean pictures.
 *
 * A new implementation of InverTune's third stage (arXiv 2506.12411), from its description and the numbers of its published
 * code. It differs where the data, the model or the description require it:
 * - Dummy triggers are CBPT's, so that only the later stages differ. InverTune always tunes; where no trigger is
 *   concentrated enough to be believed, the most concentrated one is used.
 * - The data are all shots in passes, 250 steps of 64, as for every method that changes weights (recipe.ts); published:
 *   200 steps on one batch of 64. The published schedule, a cosine with restarts at step 100, becomes one cosine.
 * - Batch normalisation uses its running statistics: activations are compared with those of the original model, which has
 *   no others.
 * - The alignment is a squared distance in units of the neurons' own mean square, which gives all stages the same weight;
 *   the preservation is 1 - cos.
 * - Stages of a ViT are the quarters of its blocks, its neurons the channels.
 */
import type { Clip } from '../clip/clip.ts';
import { pixelsOf } from '../clip/encode-pictures.ts';
import { stagedImageTower } from '../clip/image-tower.ts';
import { loadParameters } from '../clip/load.ts';
import { liveParameters, type ParameterValues, storedParameters } from '../clip/parameters.ts';
import { withDecoders } from '../clip/pictures/picture-batches.ts';
import type { PictureSet, Pictures } from '../clip/pictures/pictures.ts';
import { type Engine, withProgram } from '../engine/engine.ts';
import { badUsage } from '../errors.ts';
import { l2Normalize } from '../graph/composites.ts';
import { abs, add, div, mul, square, sub } from '../graph/elementwise.ts';
import { gradients } from '../graph/gradients.ts';
import type { Graph } from '../graph/graph.ts';
import { constant, input } from '../graph/leaves.ts';
import { mean, sum } from '../graph/reduction.ts';
import type { Value } from '../graph/value.ts';
import { randomFor } from '../tensor/random.ts';
import { float32, type Tensor } from '../tensor/tensor.ts';
import { type AdamOptions, adam, adamDefaults, adamFeeds, adamStart } from '../training/adam.ts';
import { inEpochs } from '../training/epochs.ts';
import { clipByNorm, gradientNorm } from '../training/gradient-clipping.ts';
import { optimise, scalar } from '../training/optimise.ts';
import { isStatistic } from '../training/running-statistics.ts';
import { warmupCosine } from '../training/schedule.ts';
import { decays } from '../training/train-clip.ts';
import { applyTrigger } from '../triggers/apply.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { invertForms, type SearchOptions, searchDefaults } from './cbpt/inversion/dummy-triggers.ts';
import { formFacts } from './cbpt/inversion/forms.ts';
import type { BlindDefense, Cure, DefenseTask } from './defense.ts';
import { warmup } from './fine-tune.ts';
import { type Recipe, scaled } from './recipe.ts';
import { seeShots } from './seen-shots.ts';

export interface ActivationTuningOptions extends Recipe, SearchOptions {
  /** Number of tuned stages: those whose activations the dummy trigger changes most, relatively. */
  readonly stages: number;
  readonly alignmentWeight: number;
  readonly preservationWeight: number;
  /** Largest norm of the whole gradient. */
  readonly clipNorm: number;
}

const { inversion, forms, belief } = searchDefaults;

export const activationTuning: BlindDefense<ActivationTuningOptions> = {
  knows: 'shots',
  summary: 'the image encoder tuned so that dummy triggers no longer excite the neurons that answer to them most',
  source:
    'after InverTune, stage 3 (arXiv 2506.12411): AdamW, weight decay 1e-4, alignment of critical neurons in the three ' +
    'stages that change most, plus 0.5 of feature preservation; scaled as recipe.ts says, choices of ours in its file',
  defaults: {
    inversion,
    forms,
    belief,
    ...scaled,
    rate: 3e-3,
    weightDecay: 1e-4,
    stages: 3,
    alignmentWeight: 1,
    preservationWeight: 0.5,
    clipNorm: 1,
  },
  run: tuneActivations,
};

const stage = 'activation-tuning';

async function tuneActivations(task: DefenseTask, options: ActivationTuningOptions): Promise<Cure> {
  const { engine, clip, shots, templates, seed, recorder } = task;
  if (options.forms.every((form) => formFacts[form].sought === 'beside another')) {
    throw badUsage(
      'forms',
      options.forms.join(', ') || 'none',
      'at least one form of dummy trigger that is sought for itself',
    );
  }
  const seen = await seeShots(task, templates);
  const found = await invertForms(task, seen, options);
  const strongest = [...found.dummies].sort((a, b) => b.concentration - a.concentration).slice(0, 1);
  const triggers = (found.used.length > 0 ? found.used : strongest).map(({ trigger }) => trigger);

  const batch = Math.min(options.batch, shots.labels.length);
  const order = inEpochs(shots.labels.length, batch, (pass) => randomFor(seed, 'pass', pass));
  const pair = async ({ read }: PictureSet, step: number, trigger: Trigger) => {
    const clean = await read(order(step));
    return { clean, triggered: applyTrigger(trigger, clean, randomFor(seed, stage, step)) };
  };
  const pairs = await Promise.all(triggers.map((trigger) => pair(shots, 1, trigger)));
  const chosen = criticalStages(await stageChanges(engine, clip, pairs), options.stages);

  const whole = await loadParameters(clip.parameters);
  const start = Object.fromEntries(
    Object.entries(whole).filter(([name]) => name.startsWith('visual.') && !isStatistic(name)),
  );
  const adamOptions: AdamOptions = {
    ...adamDefaults,
    weightDecay: (name) => (decays(name, start[name]!.shape.length) ? options.weightDecay : 0),
  };
  const final = await withDecoders(shots, options.steps * batch, (decoded) =>
    optimise(
      engine,
      {
        stage,
        graph: tuningStep(clip, start, chosen, batch, options, adamOptions),
        start: adamStart(start),
        steps: options.steps,
        saveEvery: options.saveEvery,
        feeds: async (step) => ({
          ...(await pair(decoded, step, triggers[step % triggers.length]!)),
          ...adamFeeds(step, warmupCosine(step, options.steps, options.rate, warmup), adamOptions),
        }),
        measure: (_step, { loss, alignment, preservation }) => ({
          loss: scalar(loss),
          alignment: scalar(alignment),
          preservation: scalar(preservation),
        }),
      },
      recorder,
    ),
  );
  const tuned = Object.keys(start).map((name) => [name, final[name] as Tensor<'float32'>] as const);
  return { kind: 'model', parameters: { ...whole, ...Object.fromEntries(tuned) } };
}

/** The effect of a dummy trigger on one stage. */
export interface StageChange {
  /** Mean absolute change of every channel. */
  readonly channels: Float32Array;
  /** Mean absolute activation of the stage on clean pictures. */
  readonly level: number;
}

/** A stage that is tuned, and which of its neurons answer to the trigger. */
export interface CriticalStage {
  readonly stage: number;
  readonly critical: readonly boolean[];
}

/** The effect on every stage, averaged over dummy triggers. */
async function stageChanges(
  engine: Engine,
  clip: Clip,
  pairs: readonly { readonly clean: Pictures; readonly triggered: Pictures }[],
): Promise<readonly StageChange[]> {
  const { shape } = pairs[0]!.clean;
  const { clean, triggered } = bothTowers(clip, storedParameters(clip.parameters), shape[0]!);
  const outputs = Object.fromEntries(
    clean.stages.flatMap((before, at) => [
      [`change.${at}`, mean(abs(sub(triggered.stages[at]!, before)), [0, 2])],
      [`level.${at}`, mean(abs(before))],
    ]),
  );
  return withProgram(engine, { outputs }, async (program) => {
    const sums = clean.stages.map(({ shape: [, channels = 0] }) => ({
      channels: new Float32Array(channels),
      level: 0,
    }));
    for (const pair of pairs) {
      const found = await program.run(pair);
      sums.forEach((total, at) => {
        (found[`change.${at}`]!.data as Float32Array).forEach((value, channel) => {
          total.channels[channel]! += value / pairs.length;
        });
        total.level += scalar(found[`level.${at}`]) / pairs.length;
      });
    }
    return sums;
  });
}

/** The same tower on clean and on triggered pictures, at inference. */
function bothTowers(clip: Clip, parameters: ParameterValues, batch: number) {
  const size = clip.config.image.resolution;
  const pixels = (name: string) => pixelsOf(input(name, [batch, 3, size, size], 'uint8'));
  const tower = (name: string) => stagedImageTower(clip.config, parameters, pixels(name));
  return { clean: tower('clean'), triggered: tower('triggered') };
}

/** The stages that change most relative to their own level, each with its neurons that change most. */
export function criticalStages(changes: readonly StageChange[], most: number): readonly CriticalStage[] {
  const impact = ({ channels, level }: StageChange) => {
    const change = channels.reduce((total, value) => total + value, 0) / channels.length;
    return level > 0 ? change / level : 0;
  };
  return [...changes.entries()]
    .sort(([, a], [, b]) => impact(b) - impact(a))
    .slice(0, most)
    .map(([at, { channels }]) => ({ stage: at, critical: largerOfTwo(channels) }));
}

/** Exact two-means of numbers: the cut with the least scatter within both sides. True: on the larger side. */
export function largerOfTwo(values: Float32Array): readonly boolean[] {
  const sorted = Float64Array.from(values).sort();
  const total = sorted.reduce((sum, value) => sum + value, 0);
  let best = { between: Number.NEGATIVE_INFINITY, from: sorted[0] ?? 0 };
  let below = 0;
  for (let cut = 1; cut < sorted.length; cut++) {
    below += sorted[cut - 1]!;
    // Least scatter within sides is most scatter between them: the sum over both sides of size times squared mean.
    const between = below ** 2 / cut + (total - below) ** 2 / (sorted.length - cut);
    if (sorted[cut]! > sorted[cut - 1]! && between > best.between) best = { between, from: sorted[cut]! };
  }
  return Array.from(values, (value) => value >= best.from);
}

/** One step: clean and triggered pictures through the trained tower, clean ones through the original one. */
function tuningStep(
  clip: Clip,
  start: Readonly<Record<string, Tensor<'float32'>>>,
  chosen: readonly CriticalStage[],
  batch: number,
  { alignmentWeight, preservationWeight, clipNorm }: ActivationTuningOptions,
  adamOptions: AdamOptions,
): Graph {
  const learned = new Map(Object.entries(start).map(([name, { shape }]) => [name, input(name, shape)]));
  const before = storedParameters(clip.parameters);
  const trained = liveParameters(learned);
  // Running statistics come from the file; everything else is trained.
  const parameters: ParameterValues = (name, rows) => (learned.has(name) ? trained : before)(name, rows);
  const reference = bothTowers(clip, before, batch).clean;
  const { clean, triggered } = bothTowers(clip, parameters, batch);

  const distances = chosen.map((one) => alignment(triggered.stages[one.stage]!, reference.stages[one.stage]!, one));
  const aligned = mul(distances.reduce(add), 1 / distances.length);
  const kept = sub(1, mean(sum(mul(l2Normalize(clean.embeddings), l2Normalize(reference.embeddings)), [1])));
  const loss = add(mul(aligned, alignmentWeight), mul(kept, preservationWeight));

  const raw = gradients(loss, [...learned.values()]);
  return {
    outputs: { loss, alignment: aligned, preservation: kept },
    state: adam(learned, clipByNorm(raw, gradientNorm(raw), clipNorm), adamOptions),
  };
}

/** Mean squared distance of the critical neurons, in units of their mean square on clean pictures. */
function alignment(now: Value, reference: Value, { critical }: CriticalStage): Value {
  const chosen = constant(
    float32(
      critical.map((is) => (is ? 1 : 0)),
      [1, critical.length, 1],
    ),
  );
  const size = (of: Value) => mean(square(mul(of, chosen)));
  // The constant is for neurons that are silent on clean pictures.
  return div(size(sub(now, reference)), add(size(reference), 1e-6));
}
