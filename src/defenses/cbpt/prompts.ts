/** @file Stage 2: one learnable context per class, tuned against clean and triggered shots. Encoders are frozen. */
import type { Clip, Head } from '../../clip/clip.ts';
import { type Embeddings, paddedTokens } from '../../clip/encode.ts';
import { lengthGroups } from '../../clip/length-groups.ts';
import { storedParameters } from '../../clip/parameters.ts';
import { textTower, tokenEmbedding } from '../../clip/text-tower.ts';
import { fillTemplate } from '../../clip/zero-shot.ts';
import type { Engine, Tensors } from '../../engine/engine.ts';
import { withProgram } from '../../engine/with-program.ts';
import { l2Normalize } from '../../graph/composites.ts';
import { add, mul } from '../../graph/elementwise.ts';
import { gradients } from '../../graph/gradients.ts';
import type { Graph } from '../../graph/graph.ts';
import { gatherRows } from '../../graph/indexing.ts';
import { broadcastTo, concat, reshape, slice } from '../../graph/layout.ts';
import { constant, input } from '../../graph/leaves.ts';
import type { Value } from '../../graph/value.ts';
import type { Recorder } from '../../runs/recorder.ts';
import { randomFor } from '../../tensor/random.ts';
import { float32, int64, rowsAt, type Shape, type Tensor } from '../../tensor/tensor.ts';
import { adam, adamFeeds, adamStart } from '../../training/adam.ts';
import { optimise, scalar } from '../../training/optimise.ts';
import { warmupCosine } from '../../training/schedule.ts';
import { anchor, classification } from './losses.ts';

export interface TuningOptions {
  readonly steps: number;
  /** Adam's peak learning rate on the context vectors. */
  readonly rate: number;
  readonly warmup: number;
  /** Shots in one step; all of them where there are fewer. */
  readonly batch: number;
  /** Where every class's prompt starts: the words before `{}` become its context, M tokens; what is behind stays. */
  readonly prompt: string;
  /** A context for every class, as in CBPT, or one for all, as in plain CoOp: a control. */
  readonly contexts: 'class-wise' | 'shared';
  /** Weight of the clean, triggered and anchor losses. */
  readonly cleanWeight: number;
  readonly triggeredWeight: number;
  readonly anchorWeight: number;
  readonly saveEvery: number;
}

/** Frozen features that tuning sees. Each triggered set has a row for every shot. */
export interface Features {
  /** [shots, embedding] */
  readonly clean: Embeddings;
  readonly triggered: readonly Embeddings[];
  readonly labels: Int32Array;
}

/** A tuned prompt: [start] context [class name] [end]. */
export interface Prompts {
  /** [classes, M, width], or [1, M, width] where all classes share one */
  readonly contexts: Tensor<'float32'>;
  /** Token ids around the context, [classes, length]; the ids at the context's places are those it started from. */
  readonly ids: Tensor<'int64'>;
  readonly head: Head;
}

/** The prompts' fixed part. Start mark, context, class name, end mark. */
export interface Frame {
  readonly ids: Tensor<'int64'>;
  readonly ends: Tensor<'int64'>;
  /** Position of the first context token. */
  readonly contextAt: number;
  readonly contextLength: number;
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
  const final = await optimise(
    engine,
    {
      stage: 'tune',
      graph: tuningStep(clip, frame, start.shape, handWritten, features.triggered.length, batch, options),
      start: adamStart({ contexts: start }),
      steps: options.steps,
      saveEvery: options.saveEvery,
      feeds: (step) => {
        const order = Array.from({ length: shots }, (_, i) => i);
        const chosen = batch === shots ? order : randomFor(seed, 'tune', step).shuffle(order).slice(0, batch);
        return {
          ...batchOf(features, chosen),
          ...adamFeeds(step, warmupCosine(step, options.steps, options.rate, options.warmup)),
        };
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

/** Token ids of all classes' prompts, padded to the longest. */
export function promptFrame(clip: Clip, classes: readonly string[], prompt: string): Frame {
  const contextLength = clip.tokenizer.encode(prompt.slice(0, prompt.indexOf('{}'))).length - 2;
  const encoded = classes.map((name) => clip.tokenizer.encode(fillTemplate(prompt, name)));
  const padded = paddedTokens(encoded, Math.max(...encoded.map((ids) => ids.length)));
  return { ...padded, contextAt: 1, contextLength };
}

/** Class names are a few tokens or a dozen; each group of like length is a copy of the text tower in the graph. */
const mostLengths = 4;

/** Class embeddings of unit length as a function of the contexts, which may be one for all: [classes, embedding]. */
function classEmbeddings(clip: Clip, frame: Frame, contexts: Value): Value {
  const { ids, ends, contextAt, contextLength } = frame;
  const parameters = storedParameters(clip.parameters);
  const [count, width] = [ids.shape[0]!, contexts.shape[2]!];
  const flat = reshape(broadcastTo(contexts, [count, contextLength, width]), [count, contextLength * width]);
  const groups = lengthGroups(
    Array.from(ends.data, Number).map((end) => end + 1),
    mostLengths,
  );
  const embeddings = groups.map(({ rows, length }) => {
    const written = slice(tokenEmbedding(parameters, constant(rowsAt(ids, rows))), 1, 0, length);
    const own = reshape(gatherRows(flat, constant(int64(rows, [rows.length]))), [rows.length, contextLength, width]);
    const behind = slice(written, 1, contextAt + contextLength, length);
    const tokens = concat([slice(written, 1, 0, contextAt), own, behind], 1);
    return textTower(clip.config, parameters, tokens, constant(rowsAt(ends, rows)));
  });
  const order = groups.flatMap(({ rows }) => rows);
  const places = order.map((_, row) => order.indexOf(row));
  return l2Normalize(gatherRows(concat(embeddings, 0), constant(int64(places, [count]))));
}

/** The words' embeddings. All classes start from the same words, so the first one's are those of a shared context. */
async function startingContexts(
  engine: Engine,
  clip: Clip,
  frame: Frame,
  kind: TuningOptions['contexts'],
): Promise<Tensor<'float32'>> {
  const written = tokenEmbedding(storedParameters(clip.parameters), constant(frame.ids));
  const words = slice(written, 1, 1, 1 + frame.contextLength);
  const contexts = kind === 'shared' ? slice(words, 0, 0, 1) : words;
  const result = await withProgram(engine, { outputs: { contexts } }, (program) => program.run({}));
  return result.contexts as Tensor<'float32'>;
}

function tuningStep(
  clip: Clip,
  frame: Frame,
  shape: Shape,
  handWritten: Head,
  triggeredSets: number,
  batch: number,
  { cleanWeight, triggeredWeight, anchorWeight }: TuningOptions,
): Graph {
  const { embedding, scale } = handWritten;
  const count = handWritten.classes.length;
  const contexts = input('contexts', shape);
  const learned = classEmbeddings(clip, frame, contexts);
  const labels = input('labels', [batch], 'int64');
  const loss = (name: string) => classification(input(name, [batch, embedding]), learned, labels, scale);
  const cleanLoss = loss('clean');
  const triggeredLoss =
    triggeredSets === 0
      ? constant(0)
      : mul(Array.from({ length: triggeredSets }, (_, i) => loss(`triggered.${i}`)).reduce(add), 1 / triggeredSets);
  const anchorLoss = anchor(learned, constant(float32(handWritten.embeddings, [count, embedding])));
  const total = add(
    add(mul(cleanLoss, cleanWeight), mul(triggeredLoss, triggeredWeight)),
    mul(anchorLoss, anchorWeight),
  );
  return {
    outputs: { loss: total, cleanLoss, triggeredLoss, anchorLoss },
    state: adam(new Map([['contexts', contexts]]), gradients(total, [contexts])),
  };
}

function batchOf({ clean, triggered, labels }: Features, chosen: readonly number[]): Tensors {
  // With all shots in every step nothing need be copied.
  const rows = (embeddings: Embeddings) => (chosen.length === labels.length ? embeddings : rowsAt(embeddings, chosen));
  return {
    clean: rows(clean),
    ...Object.fromEntries(triggered.map((embeddings, i) => [`triggered.${i}`, rows(embeddings)])),
    labels: int64(
      chosen.map((position) => labels[position]!),
      [chosen.length],
    ),
  };
}

/** The head that contexts give in their frame. */
export async function headOf(
  engine: Engine,
  clip: Clip,
  frame: Frame,
  contexts: Tensor,
  { classes, embedding, scale }: Head,
): Promise<Head> {
  const value = input('contexts', contexts.shape);
  const graph = { outputs: { embeddings: classEmbeddings(clip, frame, value) } };
  const result = await withProgram(engine, graph, (program) => program.run({ contexts }));
  return { classes, embedding, scale, embeddings: result.embeddings!.data as Float32Array };
}
