/** @file Stage 2: one learnable context per class, tuned on clean and triggered shots. Encoders are frozen. */
import type { Head } from '../../../clip/clip.ts';
import type { Embeddings } from '../../../clip/encode-pictures.ts';
import type { Tensors } from '../../../engine/engine.ts';
import { memoryOf } from '../../../graph/costs.ts';
import { type Random, randomFor } from '../../../tensor/random.ts';
import { int64, rootMeanSquare, rowsAt, type Tensor } from '../../../tensor/tensor.ts';
import { adamFeeds, adamStart } from '../../../training/adam.ts';
import { optimise, scalar } from '../../../training/optimise.ts';
import { warmupCosine } from '../../../training/schedule.ts';
import type { Defender } from '../../defender.ts';
import { tuningStage } from '../stages.ts';
import { stepMemory, wholeStepMemory } from '../step-memory.ts';
import { chunkedStep } from './chunked-step.ts';
import { forAllClasses, headOf, promptFrame, startingContexts } from './frame.ts';
import { type Features, type LossWeights, type TuningStep, wholeStep } from './tuning-step.ts';

export interface TuningOptions extends LossWeights {
  readonly steps: number;
  /**
   * Steps times Adam's peak learning rate on the context vectors, as a share of their root mean square at the start: fewer
   * steps are proportionally larger and move as far (docs/ablations.md, "Tuning"). A share, because token embeddings have
   * another size in every model.
   */
  readonly travel: number;
  readonly warmup: number;
  /** Shots in one step; all of them where there are fewer. */
  readonly batch: number;
  /** The prompt that all classes start from: the words before `{}` become the context, M tokens; the rest stays. */
  readonly prompt: string;
  /** A context for every class, as in CBPT, or one for all, as in plain CoOp: a control. */
  readonly contexts: 'class-wise' | 'shared';
  readonly saveEvery: number;
}

/** A tuned prompt: [start] context [class name] [end]. */
export interface Prompts {
  /** [classes, M, width], also where all classes share one. */
  readonly contexts: Tensor<'float32'>;
  /** Token ids of the prompts, [classes, length]; those at the context's positions are the ones it started from. */
  readonly ids: Tensor<'int64'>;
  readonly head: Head;
}

/** Tunes the contexts of all classes together. */
export async function tunePrompts(
  { engine, clip, seed, recorder }: Omit<Defender, 'shots'>,
  features: Features,
  handWritten: Head,
  options: TuningOptions,
): Promise<Prompts> {
  const frame = promptFrame(clip, handWritten.classes, options.prompt);
  const batch = Math.min(options.batch, features.clean.labels.length);
  const start = await startingContexts(engine, clip, frame, options.contexts);
  const rate = (options.travel / options.steps) * rootMeanSquare(start);
  const step: TuningStep = {
    clip,
    frame,
    contexts: start.shape,
    handWritten,
    batch,
    triggered: features.triggered.map(({ positions, target }) => ({
      rows: Math.min(options.batch, positions.length),
      target,
    })),
    weights: options,
  };
  const rows = rowsToRead(features, step);
  const whole = wholeStep(step);
  const final = await optimise(
    engine,
    {
      stage: tuningStage,
      graph: memoryOf(whole) <= wholeStepMemory ? whole : (compiler) => chunkedStep(compiler, step, stepMemory),
      start: adamStart({ contexts: start }),
      steps: options.steps,
      saveEvery: options.saveEvery,
      feeds: (number) => {
        const random = randomFor(seed, 'tune', number);
        return Object.assign(
          adamFeeds(number, warmupCosine(number, options.steps, rate, options.warmup)),
          ...rows.map((one) => rowsFor(one, random)),
        );
      },
      measure: (_step, outputs) => ({
        loss: scalar(outputs.loss),
        clean: scalar(outputs.cleanLoss),
        triggered: scalar(outputs.triggeredLoss),
        anchor: scalar(outputs.anchorLoss),
      }),
    },
    recorder,
  );
  const contexts = forAllClasses(final.contexts as Tensor<'float32'>, handWritten.classes.length);
  return { contexts, ids: frame.ids, head: await headOf(engine, clip, frame, contexts, handWritten) };
}

/** Labelled embeddings from which every step takes `count` rows, under a name. */
interface Rows {
  readonly name: string;
  readonly embeddings: Embeddings;
  readonly labels: Tensor<'int64'>;
  readonly count: number;
}

/** Where steps take rows from: shots with each trigger, and clean ones. */
function rowsToRead({ clean, triggered }: Features, step: TuningStep): readonly Rows[] {
  const labels = int64(clean.labels, [clean.labels.length]);
  const withTrigger = triggered.map(({ positions, embeddings }, i) => ({
    name: `triggered.${i}`,
    embeddings,
    labels: rowsAt(labels, positions),
    count: step.triggered[i]!.rows,
  }));
  return [...withTrigger, { name: 'clean', embeddings: clean.features, labels, count: step.batch }];
}

/** Rows for one step, drawn at random where there are more than it takes. */
function rowsFor({ name, embeddings, labels, count }: Rows, random: Random): Tensors {
  const [all = 0] = labels.shape;
  // Nothing is copied where a step takes all rows.
  if (count === all) return { [name]: embeddings, [`${name}.labels`]: labels };
  const rows = random.shuffle(Array.from({ length: all }, (_, row) => row)).slice(0, count);
  return { [name]: rowsAt(embeddings, rows), [`${name}.labels`]: rowsAt(labels, rows) };
}
