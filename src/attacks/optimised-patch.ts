/** @file A patch that is optimised through the clean model, so that it already resembles the attacker's class. */
import type { Clip, Head } from '../clip/clip.ts';
import { type Embeddings, pixelsOf } from '../clip/encode-pictures.ts';
import { imageTower } from '../clip/image-tower.ts';
import { storedParameters } from '../clip/parameters.ts';
import type { Pictures } from '../clip/pictures/pictures.ts';
import type { Engine, Tensors } from '../engine/engine.ts';
import { crossEntropy, l2Normalize } from '../graph/composites.ts';
import { add, clip as limited, mul, relu, round, sqrt, square, sub } from '../graph/elementwise.ts';
import { gradients } from '../graph/gradients.ts';
import type { Graph } from '../graph/graph.ts';
import { oneHot } from '../graph/indexing.ts';
import { pad, reshape, transpose } from '../graph/layout.ts';
import { constant, input } from '../graph/leaves.ts';
import { matMul } from '../graph/linear-algebra.ts';
import { mean, sum } from '../graph/reduction.ts';
import type { Value } from '../graph/value.ts';
import type { Recorder } from '../runs/recorder.ts';
import { type Random, randomFor } from '../tensor/random.ts';
import { float32, int64, rowsAt, type Tensor } from '../tensor/tensor.ts';
import { adam, adamFeeds, adamStart } from '../training/adam.ts';
import { optimise, scalar } from '../training/optimise.ts';
import type { PatchTrigger } from '../triggers/trigger.ts';

export interface PatchOptions {
  readonly steps: number;
  readonly batch: number;
  /** Adam's learning rate, in units of the pixel range. */
  readonly rate: number;
  readonly saveEvery: number;
}

/** What the embedding of a picture with the patch is pulled towards. All embeddings have unit length. */
export type PatchGoal =
  /** One of the head's classes (cross-entropy over all of them). */
  | { readonly kind: 'class'; readonly head: Head; readonly target: number }
  /**
   * BadCLIP: captions of the target (symmetric InfoNCE within the batch), and pictures of the target, which are to be
   * nearer than the same picture without the patch (triplet loss on distances).
   */
  | {
      readonly kind: 'captions-and-pictures';
      /** Captions and pictures of the target, from which every step draws, [n, embedding]. */
      readonly captions: Embeddings;
      readonly pictures: Embeddings;
      /** Logit scale of the model. */
      readonly scale: number;
      readonly tripletWeight: number;
      readonly margin: number;
    };

/** Pictures [batch, 3, size, size] of a step, counted from 1; must depend on nothing else. */
export type PictureStream = (step: number) => Pictures | Promise<Pictures>;

export interface PatchOptimisation extends PatchOptions {
  readonly clip: Clip;
  readonly pictures: PictureStream;
  readonly goal: PatchGoal;
  /** Side of the patch, pixels. */
  readonly side: number;
  readonly seed: number;
}

/**
 * Optimises a patch in the middle of the picture.
 *
 * @throws the reason of `recorder.signal` when aborted, after saving
 */
export async function optimisePatch(
  engine: Engine,
  optimisation: PatchOptimisation,
  recorder: Recorder,
): Promise<PatchTrigger> {
  const { clip, pictures, goal, side, seed, steps, batch, rate, saveEvery } = optimisation;
  const final = await optimise(
    engine,
    {
      stage: 'patch',
      graph: patchStep(clip, goal, side, batch),
      start: adamStart({ patch: startingPatch(side, randomFor(seed, 'patch', 'start')) }),
      steps,
      saveEvery,
      feeds: async (step) => ({
        pictures: await pictures(step),
        ...drawsFor(goal, batch, randomFor(seed, 'patch', step)),
        ...adamFeeds(step, rate),
      }),
      measure: (_step, outputs) => ({ loss: scalar(outputs.loss) }),
    },
    recorder,
  );
  const { data, shape } = final.patch as Tensor<'float32'>;
  const pattern = float32(
    data.map((value) => Math.round(255 * value) / 255),
    shape,
  );
  const middle = Math.floor((clip.config.image.resolution - side) / 2);
  return { kind: 'patch', pattern, placement: { top: middle, left: middle } };
}

/** N(0.5, 0.25), clipped (BadCLIP, embeding_optimize_patch.py). */
function startingPatch(side: number, random: Random): Tensor<'float32'> {
  const value = () => Math.min(1, Math.max(0, 0.5 + 0.25 * random.normal()));
  return float32(Float32Array.from({ length: 3 * side * side }, value), [3, side, side]);
}

/** One step: pictures with the patch through the frozen image tower, the loss, Adam on the patch, back into [0, 1]. */
function patchStep(clip: Clip, goal: PatchGoal, side: number, batch: number): Graph {
  const { resolution } = clip.config.image;
  const parameters = storedParameters(clip.parameters);
  const pixels = pixelsOf(input('pictures', [batch, 3, resolution, resolution], 'uint8'));
  const embed = (of: Value) => l2Normalize(imageTower(clip.config, parameters, of));
  const patch = input('patch', [3, side, side]);
  const patched = embed(paste(pixels, patch));
  const loss =
    goal.kind === 'class' ? towardsClass(patched, goal) : towardsCaptionsAndPictures(patched, embed(pixels), goal);
  const state = adam(new Map([['patch', patch]]), gradients(loss, [patch]));
  const next = limited(state.patch!.next, 0, 1);
  return { outputs: { loss }, state: { ...state, patch: { input: patch, next } } };
}

/** Pixels with the patch in their middle, rounded to bytes as in a file; the gradient ignores the rounding. */
function paste(pixels: Value, patch: Value): Value {
  const [, , size = 0] = pixels.shape;
  const side = patch.shape[2]!;
  const before = Math.floor((size - side) / 2);
  const after = size - side - before;
  const framed = (x: Value) => reshape(pad(x, [0, before, before], [0, after, after]), [1, 3, size, size]);
  const bytes = mul(round(mul(patch, 255)), 1 / 255);
  const outside = sub(1, framed(constant(float32(new Float32Array(3 * side * side).fill(1), [3, side, side]))));
  return add(mul(pixels, outside), framed(bytes));
}

function towardsClass(patched: Value, { head, target }: PatchGoal & { kind: 'class' }): Value {
  const count = head.classes.length;
  const texts = constant(float32(head.embeddings, [count, head.embedding]));
  const logits = mul(matMul(patched, transpose(texts, [1, 0])), head.scale);
  return crossEntropy(logits, oneHot(constant(int64([target], [1])), count));
}

function towardsCaptionsAndPictures(
  patched: Value,
  clean: Value,
  { scale, tripletWeight, margin }: PatchGoal & { kind: 'captions-and-pictures' },
): Value {
  const [batch = 0] = patched.shape;
  const captions = input('captions', patched.shape);
  const positives = input('positives', patched.shape);
  const logits = mul(matMul(patched, transpose(captions, [1, 0])), scale);
  const own = oneHot(constant(int64([...Array(batch).keys()], [batch])), batch);
  const contrast = mul(add(crossEntropy(logits, own), crossEntropy(transpose(logits, [1, 0]), own)), 0.5);
  // The negative is the picture without the patch, as in the paper. The published script pastes in place, so its negative
  // carries the patch too.
  const excess = add(sub(distance(patched, positives), distance(patched, clean)), margin);
  return add(contrast, mul(mean(relu(excess)), tripletWeight));
}

/** Euclidean distances of corresponding rows: [n]. */
function distance(a: Value, b: Value): Value {
  // The root has no gradient where rows coincide; PyTorch's triplet loss adds 1e-6 for the same reason.
  return sqrt(add(sum(square(sub(a, b)), [1]), 1e-12));
}

function drawsFor(goal: PatchGoal, batch: number, random: Random): Tensors {
  if (goal.kind === 'class') return {};
  const draw = (pool: Embeddings) =>
    rowsAt(
      pool,
      Array.from({ length: batch }, () => random.integer(pool.shape[0]!)),
    );
  return { captions: draw(goal.captions), positives: draw(goal.pictures) };
}
