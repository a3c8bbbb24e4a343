/** @file Stage 1: a dummy trigger, found by contrastive learning on crafted positives and negatives. Encoders are frozen. */
import type { Clip, Head } from '../../../clip/clip.ts';
import { type Embeddings, pixelsOf } from '../../../clip/encode-pictures.ts';
import { imageTower } from '../../../clip/image-tower.ts';
import { storedParameters } from '../../../clip/parameters.ts';
import { withDecoders } from '../../../clip/pictures/picture-batches.ts';
import type { PictureSet } from '../../../clip/pictures/pictures.ts';
import type { Tensors } from '../../../engine/engine.ts';
import { predict } from '../../../evaluation/metrics.ts';
import { l2Normalize } from '../../../graph/composites.ts';
import { add, mul } from '../../../graph/elementwise.ts';
import { gradients } from '../../../graph/gradients.ts';
import type { Graph, StateValue } from '../../../graph/graph.ts';
import { constant, input } from '../../../graph/leaves.ts';
import type { Value } from '../../../graph/value.ts';
import { type Random, randomFor } from '../../../tensor/random.ts';
import { float32, int64, rowsAt } from '../../../tensor/tensor.ts';
import { adam, adamFeeds, adamStart } from '../../../training/adam.ts';
import { optimise, scalar } from '../../../training/optimise.ts';
import type { Defender } from '../../defender.ts';
import { collapse, farthestText, type InversionBatch } from '../losses.ts';
import { fittingBatch } from '../step-memory.ts';
import { type DummyTrigger, examine } from './examine.ts';
import { type InvertedForm, type NamedForm, stepsOf } from './forms.ts';
import { type FormOptions, type Parametrisation, parametrisations } from './parametrisations.ts';

/** How positives and negatives are crafted: V1 and V2 of docs/method.md. */
export type Variant = 'farthest-text' | 'collapse';

export interface InversionOptions extends FormOptions {
  readonly variant: Variant;
  /** Some forms take only a share of these (`stepsOf`). */
  readonly steps: number;
  /** Pictures in one step; fewer where they would take too much memory. */
  readonly batch: number;
  /** Adam's learning rate on mask and pattern logits. */
  readonly rate: number;
  /** Adam's learning rate on an additive delta, in units of the pixel range. */
  readonly additiveRate: number;
  /** Temperature of the contrastive losses. */
  readonly temperature: number;
  /** Weight of the squared distance moved, in V1. */
  readonly alpha: number;
  /** Weight of the trigger's size. */
  readonly sparsity: number;
  readonly saveEvery: number;
}

export interface InversionInput {
  /** Embeddings of the unchanged shots. */
  readonly clean: Embeddings;
  /** Hand-written prompts of the shots' classes, followed by those of others that a trigger may lead to. */
  readonly head: Head;
  /** Classes of the head that known triggers lead to: `collapse` looks for another class. */
  readonly avoided: readonly number[];
}

/** Optimises one dummy trigger and examines its effect on the shots. Its name determines the random start. */
export async function invertTrigger(
  defender: Defender,
  given: InversionInput,
  { name, form }: NamedForm<InvertedForm>,
  asked: InversionOptions,
): Promise<DummyTrigger> {
  const { engine, clip, shots, seed, recorder } = defender;
  const stage = `invert-${name}`;
  const options = { ...asked, steps: stepsOf(form, asked.steps), batch: fittingBatch(clip, asked.batch) };
  const parametrisation = parametrisations[form](shots.size, options, randomFor(seed, stage, 'start'));
  const rate = form === 'additive' ? options.additiveRate : options.rate;
  const final = await withDecoders(shots, options.steps * options.batch, (decoded) =>
    optimise(
      engine,
      {
        stage,
        graph: inversionStep(clip, given, parametrisation, options),
        start: adamStart(parametrisation.start),
        steps: options.steps,
        saveEvery: options.saveEvery,
        feeds: async (step) => ({
          ...(await batchFeeds(decoded, given, options, randomFor(seed, stage, step))),
          ...adamFeeds(step, rate),
        }),
        measure: (_step, outputs) => ({ loss: scalar(outputs.loss), size: scalar(outputs.size) }),
      },
      recorder,
    ),
  );
  return examine(defender, given.head, { name, form }, parametrisation.trigger(final));
}

/** One step: triggered pictures through the frozen image tower, the loss, Adam on the trigger's parameters. */
function inversionStep(
  clip: Clip,
  { head, avoided }: InversionInput,
  parametrisation: Parametrisation,
  options: InversionOptions,
): Graph {
  const { batch, sparsity } = options;
  const { resolution } = clip.config.image;
  const { start, apply } = parametrisation;
  const parameters = new Map(Object.entries(start).map(([name, { shape }]) => [name, input(name, shape)]));
  const pixels = pixelsOf(input('pictures', [batch, 3, resolution, resolution], 'uint8'));
  const { triggered, size } = apply(parameters, pixels);
  const texts = constant(float32(head.embeddings, [head.classes.length, head.embedding]));
  const rows: InversionBatch = {
    triggered: l2Normalize(imageTower(clip.config, storedParameters(clip.parameters), triggered)),
    clean: input('clean', [batch, head.embedding]),
    texts,
    labels: input('labels', [batch], 'int64'),
    farthest: input('farthest', [batch], 'int64'),
    scale: head.scale,
    avoided,
  };
  const loss = add(contrastiveLoss(rows, options), mul(size, sparsity));
  const state = adam(parameters, gradients(loss, [...parameters.values()]));
  return { outputs: { loss, size }, state: projected(state, parameters, parametrisation) };
}

function contrastiveLoss(rows: InversionBatch, { variant, temperature, alpha }: InversionOptions): Value {
  switch (variant) {
    case 'farthest-text':
      return farthestText(rows, temperature, alpha);
    case 'collapse':
      return collapse(rows, temperature);
  }
}

function projected(
  state: Record<string, StateValue>,
  parameters: ReadonlyMap<string, Value>,
  { project }: Parametrisation,
): Record<string, StateValue> {
  if (!project) return state;
  const result = { ...state };
  for (const name of parameters.keys()) result[name] = { ...state[name]!, next: project(state[name]!.next) };
  return result;
}

/** The pictures of one step, drawn at random, with their clean embeddings and labels. */
async function batchFeeds(
  shots: PictureSet,
  { clean, head }: InversionInput,
  { variant, batch }: InversionOptions,
  random: Random,
): Promise<Tensors> {
  const positions = Array.from({ length: batch }, () => random.integer(shots.labels.length));
  const rows = rowsAt(clean, positions);
  const labels = positions.map((position) => shots.labels[position]!);
  return {
    pictures: await shots.read(positions),
    clean: rows,
    labels: int64(labels, [batch]),
    ...(variant === 'farthest-text' && { farthest: int64(farthestClasses(head, rows), [batch]) }),
  };
}

/** For every row the class whose text is least similar to it. */
function farthestClasses(head: Head, embeddings: Embeddings): number[] {
  const opposite = { ...head, embeddings: head.embeddings.map((x) => -x) };
  return Array.from(predict(opposite, embeddings));
}
