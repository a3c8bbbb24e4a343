/** @file Sums of few plane waves: the dummy trigger for faint changes of the whole picture. */
import { add, mul, sigmoid, sqrt, square, sub } from '../../graph/elementwise.ts';
import { transpose } from '../../graph/layout.ts';
import { constant } from '../../graph/leaves.ts';
import { matMul } from '../../graph/linear-algebra.ts';
import { sum } from '../../graph/reduction.ts';
import type { Value } from '../../graph/value.ts';
import type { Random } from '../../tensor/random.ts';
import { float32, type Shape, type Tensor } from '../../tensor/tensor.ts';
import type { AdditiveTrigger } from '../../triggers/trigger.ts';

/** Waves have at most so many periods over the picture, down and across: the rest is left to the other forms. */
const periods = 8;

/** Functions of one axis: the constant, and a cosine and a sine of every number of periods. */
const functions = 1 + 2 * periods;

/** Largest change, in units of the pixel range: as much as published faint triggers use (SIG: 60/255). */
const amplitude = 64 / 255;

/** Strength of the noise that waves start from, before the squashing: enough to show, too little to be a trigger. */
const startStrength = 0.3;

/** Rounds off the magnitude at zero, where it has no derivative. */
const roundness = 1e-6;

/** Weights of the waves of one trigger: channels, down, across. */
export const waveShape: Shape = [3, functions, functions];

/** Weights of the waves to start from. */
export function startingWaves(random: Random): Tensor<'float32'> {
  const spread = (startStrength * Math.sqrt(3)) / functions;
  return float32(
    Float32Array.from({ length: 3 * functions * functions }, () => spread * (2 * random.uniform() - 1)),
    waveShape,
  );
}

/** What waves [n, 3, functions, functions] add to a picture: [n, 3, side, side], squashed into +-amplitude. */
export function waveDelta(waves: Value, side: number): Value {
  const across = axisFunctions(side);
  const field = matMul(matMul(constant(across), waves), transpose(constant(across), [1, 0]));
  // tanh(x) = 2 sigmoid(2 x) - 1
  return mul(sub(mul(sigmoid(mul(field, 2)), 2), 1), amplitude);
}

/**
 * Sum of magnitudes of every candidate's weights, [n]. What is faint and everywhere in the picture is few waves;
 * ordinary adversarial patterns are many.
 */
export function waveSize(waves: Value): Value {
  return sum(sqrt(add(square(waves), roundness)), [1, 2, 3]);
}

/** The trigger of one candidate's waves, [3, functions, functions]. */
export function waveTrigger({ data: waves }: Tensor<'float32'>, side: number): AdditiveTrigger {
  const { data: axis } = axisFunctions(side);
  const delta = new Float32Array(3 * side * side);
  const rows = new Float64Array(side * functions);
  for (let channel = 0; channel < 3; channel++) {
    const weights = waves.subarray(channel * functions * functions, (channel + 1) * functions * functions);
    rows.fill(0);
    for (let y = 0; y < side; y++)
      for (let down = 0; down < functions; down++) {
        const factor = axis[y * functions + down]!;
        for (let j = 0; j < functions; j++) rows[y * functions + j]! += factor * weights[down * functions + j]!;
      }
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++) {
        let field = 0;
        for (let j = 0; j < functions; j++) field += rows[y * functions + j]! * axis[x * functions + j]!;
        delta[(channel * side + y) * side + x] = amplitude * Math.tanh(field);
      }
  }
  return { kind: 'additive', delta: float32(delta, [3, side, side]), bound: amplitude };
}

/** The functions of one axis at every pixel, [side, functions]; each has a mean square of one over the picture. */
function axisFunctions(side: number): Tensor<'float32'> {
  const data = new Float32Array(side * functions);
  for (let place = 0; place < side; place++) {
    data[place * functions] = 1;
    for (let k = 1; k <= periods; k++) {
      const angle = (2 * Math.PI * k * place) / side;
      data[place * functions + 2 * k - 1] = Math.SQRT2 * Math.cos(angle);
      data[place * functions + 2 * k] = Math.SQRT2 * Math.sin(angle);
    }
  }
  return float32(data, [side, functions]);
}
