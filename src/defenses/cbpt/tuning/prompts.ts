/** @file Stage 2: one learnable context per class, tuned against clean and triggered shots. Encoders are frozen. */
import type { Clip, Head } from '../../../clip/clip.ts';
import type { Embeddings } from '../../../clip/encode-pictures.ts';
import type { Engine, Tensors } from '../../../engine/engine.ts';
import { memoryOf } from '../../../graph/costs.ts';
import type { Recorder } from '../../../runs/recorder.ts';
import { type Random, randomFor } from '../../../tensor/random.ts';
import { int64, rootMeanSquare, rowsAt, type Tensor } from '../../../tensor/tensor.ts';
import { adamFeeds, adamStart } from '../../../training/adam.ts';
import { optimise, scalar } from '../../../training/optimise.ts';
import { warmupCosine } from '../../../training/schedule.ts';
import { tuningStage } from '../stages.ts';
import { stepMemory, wholeStepMemory } from '../step-memory.ts';
import { chunkedStep } from './chunked-step.ts';
import { headOf, promptFrame, startingContexts } from './frame.ts';
import { type Features, type LossWeights, type TuningStep, wholeStep } from './tuning-step.ts';

export interface TuningOptions extends LossWeights {
  readonly steps: number;
  /**
   * Steps times Adam's peak learning rate on the context vectors, as a share of the root mean square that they start with:
   * fewer steps are as much larger and come as far (docs/method.md, "Tuning"). Token embeddings are of another size in every
   * model, hence the share.
   */
  readonly travel: number;
  readonly warmup: number;
  /** Shots in one step; all of them where there are fewer. */
  readonly batch: number;
  /** Where every class's prompt starts: the words before `{}` become its context, M tokens; what is behind stays. */
  readonly prompt: string;
  /** A context for every class, as in CBPT, or one for all, as in plain CoOp: a control. */
  readonly contexts: 'class-wise' | 'shared';
  readonly saveEvery: number;
}

/** A tuned prompt: [start] context [class name] [end]. */
export interface Prompts {
  /** [classes, M, width], or [1, M, width] where all classes share one */
  readonly contexts: Tensor<'float32'>;
  /** Token ids around the context, [classes, length]; the ids at the context's places are those it started from. */
  readonly ids: Tensor<'int64'>;
  readonly head: Head;
}

/** Tunes the contexts of all classes together. */
export async function tunePrompts(
  engine: Engine,
  clip: Clip,
  features: Features,
  handWritten: Head,
  options: TuningOptions,
  seed: number,
  recorder: Recorder,
): Promise<Prompts> {
  const frame = promptFrame(clip, handWritten.classes, options.prompt);
  const shots = features.labels.length;
  const batch = Math.min(options.batch, shots);
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
  const contexts = final.contexts as Tensor<'float32'>;
  return { contexts, ids: frame.ids, head: await headOf(engine, clip, frame, contexts, handWritten) };
}

/** Rows that a step reads under a name, with their classes: all of them, or as many as it takes. */
interface Rows {
  readonly name: string;
  readonly embeddings: Embeddings;
  readonly labels: Tensor<'int64'>;
  readonly count: number;
}

/** What steps read: shots with each trigger, and clean ones. */
function rowsToRead({ clean, triggered, labels }: Features, step: TuningStep): readonly Rows[] {
  const classes = int64(labels, [labels.length]);
  const worn = triggered.map(({ positions, embeddings }, i) => ({
    name: `triggered.${i}`,
    embeddings,
    labels: rowsAt(classes, positions),
    count: step.triggered[i]!.rows,
  }));
  return [...worn, { name: 'clean', embeddings: clean, labels: classes, count: step.batch }];
}

/** Rows for one step, drawn where there are more than it takes. */
function rowsFor({ name, embeddings, labels, count }: Rows, random: Random): Tensors {
  const [all = 0] = labels.shape;
  // With all of them in every step nothing need be copied.
  if (count === all) return { [name]: embeddings, [`${name}.labels`]: labels };
  const rows = random.shuffle(Array.from({ length: all }, (_, row) => row)).slice(0, count);
  return { [name]: rowsAt(embeddings, rows), [`${name}.labels`]: rowsAt(labels, rows) };
}
