/**
 * @file Trains a network that hides a message in pictures, and one that reads it: a trigger that differs in every picture.
 *
 * After ISSBA (Li et al., arXiv 2012.03816), which takes StegaStamp's networks (Tancik et al., arXiv 1904.05343) and hides
 * one chosen text in every picture, with a residual made for the picture. Differences, for a training of minutes on two
 * processor cores:
 *
 * - three convolutions on squares of 2 x 2 pixels, instead of a U-Net of some twenty layers;
 * - bits are read directly, without an error-correcting code around them;
 * - a penalty on equal residuals for one message makes them differ from picture to picture; a network this small would
 *   otherwise learn one pattern for all;
 * - a bound on the residual and a squared error with more weight where a picture is flat keep the change small, instead of
 *   a perceptual network (LPIPS) and a critic;
 * - the decoder has to be robust only to rounding to bytes, not to printing, photographing or JPEG, because the trigger is
 *   applied to the pixels that the model reads.
 */
import { pixelsOf } from '../../clip/encode-pictures.ts';
import type { Engine } from '../../engine/engine.ts';
import { l2Normalize } from '../../graph/composites.ts';
import { conv2d } from '../../graph/convolution.ts';
import {
  abs,
  add,
  cast,
  clip,
  div,
  exp,
  greater,
  log,
  maximum,
  mul,
  neg,
  relu,
  round,
  sqrt,
  square,
  sub,
} from '../../graph/elementwise.ts';
import { gradients } from '../../graph/gradients.ts';
import type { Graph } from '../../graph/graph.ts';
import { reshape, slice } from '../../graph/layout.ts';
import { constant, filled, input } from '../../graph/leaves.ts';
import { mean, sum } from '../../graph/reduction.ts';
import type { Value } from '../../graph/value.ts';
import type { Recorder } from '../../runs/recorder.ts';
import { type Random, randomFor } from '../../tensor/random.ts';
import { float32, type Tensor } from '../../tensor/tensor.ts';
import { adam, adamFeeds, adamStart } from '../../training/adam.ts';
import { optimise, scalar } from '../../training/optimise.ts';
import { warmupCosine } from '../../training/schedule.ts';
import type { HiddenMessageTrigger } from '../../triggers/trigger.ts';
import type { PictureStream } from '../optimised-patch.ts';
import { type Architecture, parameterShapes, readBits, residual, startingParameters } from './networks.ts';

export interface SteganographyOptions extends Omit<Architecture, 'size'> {
  readonly steps: number;
  /** Even: every message is hidden in two pictures. */
  readonly batch: number;
  /** Adam's peak learning rate. */
  readonly rate: number;
  readonly warmup: number;
  /** Weight of the squared error, as a share of the squared bound, against the reading loss. */
  readonly distortion: number;
  /** Weight of the squared cosine between the residuals of two pictures with one message. */
  readonly sameness: number;
  /**
   * Steps between which both weights rise from zero. The reader has to learn first: a residual that is penalised before it
   * can be read vanishes, and the message is never learned.
   */
  readonly quiet: readonly [from: number, to: number];
  readonly saveEvery: number;
}

export interface SteganographyTraining extends SteganographyOptions {
  /** Side of the pictures, pixels. */
  readonly size: number;
  readonly pictures: PictureStream;
  readonly seed: number;
}

/**
 * Trains both networks with random messages, and keeps the encoder with one message, drawn from the seed.
 *
 * @throws the reason of `recorder.signal` when aborted, after saving
 */
export async function trainSteganography(
  engine: Engine,
  training: SteganographyTraining,
  recorder: Recorder,
): Promise<HiddenMessageTrigger> {
  const { size, pictures, seed, bits, planes, cells, channels, readers, bound } = training;
  const { steps, batch, rate, warmup, quiet, distortion, sameness, saveEvery } = training;
  const architecture: Architecture = { size, bits, planes, cells, channels, readers, bound };
  const stage = 'steganography';
  const final = await optimise(
    engine,
    {
      stage,
      graph: trainingStep(architecture, batch),
      start: adamStart(startingParameters(architecture, randomFor(seed, stage, 'start'))),
      steps,
      saveEvery,
      feeds: async (step) => ({
        pictures: await pictures(step),
        message: messages(batch, bits, randomFor(seed, stage, step)),
        distortion: float32([distortion * riseAt(step, quiet)], []),
        sameness: float32([sameness * riseAt(step, quiet)], []),
        ...adamFeeds(step, warmupCosine(step, steps, rate, warmup)),
      }),
      measure: (_step, outputs) => ({
        loss: scalar(outputs.loss),
        /** Share of bits that are read correctly. */
        read: scalar(outputs.read),
        /** Root of the residual's mean square, in levels of 255. */
        levels: 255 * scalar(outputs.amplitude),
        /** Mean squared cosine between the residuals of two pictures with one message. */
        alike: scalar(outputs.alike),
      }),
    },
    recorder,
  );
  const part = (name: string) => final[name] as Tensor<'float32'>;
  const random = randomFor(seed, stage, 'message');
  return {
    kind: 'hidden-message',
    message: Array.from({ length: bits }, () => random.integer(2)).join(''),
    size,
    bound,
    spread: part('spread'),
    first: part('first'),
    firstBias: part('firstBias'),
    second: part('second'),
    secondBias: part('secondBias'),
    last: part('last'),
    lastBias: part('lastBias'),
  };
}

function riseAt(step: number, [from, to]: SteganographyOptions['quiet']): number {
  return Math.min(1, Math.max(0, (step - from) / (to - from)));
}

function trainingStep(architecture: Architecture, batch: number): Graph {
  const { size, bits, bound } = architecture;
  const values = new Map(
    Object.entries(parameterShapes(architecture)).map(([name, shape]) => [name, input(name, shape)]),
  );
  const parameters = (name: string) => values.get(name)!;
  const pixels = pixelsOf(input('pictures', [batch, 3, size, size], 'uint8'));
  const message = input('message', [batch, bits]);
  const change = residual(architecture, parameters, pixels, message);
  const carried = mul(round(mul(clip(add(pixels, change), 0, 1), 255)), 1 / 255);
  const agreement = mul(readBits(architecture, parameters, carried), message);
  const seen = mean(mul(square(mul(change, 1 / bound)), attention(pixels)));
  const alike = likeness(change);
  const cost = add(mul(seen, input('distortion', [])), mul(alike, input('sameness', [])));
  const loss = add(mean(softplus(neg(agreement))), cost);
  return {
    outputs: {
      loss,
      alike,
      read: mean(cast(greater(agreement, 0), 'float32')),
      amplitude: sqrt(mean(square(change))),
    },
    state: adam(values, gradients(loss, [...values.values()])),
  };
}

/** Mean squared cosine between the residuals of the two halves of the batch, which carry the same messages. */
function likeness(change: Value): Value {
  const [count = 0] = change.shape;
  const rows = l2Normalize(reshape(change, [count, -1]));
  const cosines = sum(mul(slice(rows, 0, 0, count / 2), slice(rows, 0, count / 2, count)), [1]);
  return mean(square(cosines));
}

/** log(1 + exp(x)), without overflow. */
function softplus(x: Value): Value {
  return add(relu(x), log(add(exp(neg(abs(x))), 1)));
}

/** Window in which the local deviation is measured, pixels. */
const window = 5;

/** Deviation at which a change has half the weight: about 13 levels. */
const lively = 0.05;

/**
 * Visibility of a change at each pixel: 1 where the picture is flat, less where its local deviation is large (within a
 * small window, of the mean of the channels). It makes the residual follow the picture.
 *
 * @returns [n, 1, size, size]
 */
function attention(pixels: Value): Value {
  const grey = mean(pixels, [1], true);
  const box = filled(1 / window ** 2, [1, 1, window, window]);
  const total = (x: Value) => conv2d(x, box, { padding: Math.floor(window / 2) });
  // Positions of the window beyond an edge do not count.
  const inside = total(filled(1, [1, ...grey.shape.slice(1)]));
  const average = (x: Value) => div(total(x), inside);
  const variance = maximum(sub(average(square(grey)), square(average(grey))), 0);
  return div(constant(lively), add(sqrt(variance), lively));
}

/** Random messages for half of the batch, and the same ones for the other half. */
function messages(batch: number, bits: number, random: Random): Tensor<'float32'> {
  const half = Array.from({ length: (batch / 2) * bits }, () => 2 * random.integer(2) - 1);
  return float32([...half, ...half], [batch, bits]);
}
