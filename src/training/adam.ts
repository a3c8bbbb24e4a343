/** @file Adam with decoupled weight decay, as values of a graph (Loshchilov & Hutter, arXiv 1711.05101). */
import { add, div, mul, sqrt, sub } from '../graph/elementwise.ts';
import type { StateValue } from '../graph/graph.ts';
import { constant, input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { elements, float32, type Tensor } from '../tensor/tensor.ts';

export interface AdamOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Share of a parameter that is subtracted per unit of learning rate, by parameter name. */
  readonly weightDecay: (name: string) => number;
}

/** PyTorch's defaults, without decay. */
export const adamDefaults: AdamOptions = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: () => 0 };

/**
 * One step of AdamW, term for term as `torch.optim.AdamW`. The scalars that change from step to step are inputs, fed by
 * {@link adamFeeds}.
 *
 * @param parameters input values under training, by name
 * @param gradients of the loss, in the order of `parameters`
 * @returns the next values of the parameters and of their moments (`name.mean`, `name.square`)
 */
export function adam(
  parameters: ReadonlyMap<string, Value>,
  gradients: readonly Value[],
  options: AdamOptions = adamDefaults,
): Record<string, StateValue> {
  const { beta1, beta2, epsilon, weightDecay } = options;
  const rate = input('adam.rate', []);
  const meanCorrection = input('adam.meanCorrection', []);
  const squareCorrection = input('adam.squareCorrection', []);
  const stepSize = mul(rate, meanCorrection);
  const state: Record<string, StateValue> = {};
  let index = 0;
  for (const [name, parameter] of parameters) {
    const gradient = gradients[index++]!;
    const mean = input(`${name}.mean`, parameter.shape);
    const square = input(`${name}.square`, parameter.shape);
    const nextMean = add(mul(mean, beta1), mul(gradient, 1 - beta1));
    const nextSquare = add(mul(square, beta2), mul(mul(gradient, gradient), 1 - beta2));
    const direction = div(nextMean, add(mul(sqrt(nextSquare), squareCorrection), epsilon));
    const decay = weightDecay(name);
    const kept = decay === 0 ? parameter : mul(parameter, sub(constant(1), mul(rate, decay)));
    state[name] = { input: parameter, next: sub(kept, mul(direction, stepSize)) };
    state[`${name}.mean`] = { input: mean, next: nextMean };
    state[`${name}.square`] = { input: square, next: nextSquare };
  }
  return state;
}

/**
 * The step-dependent inputs of {@link adam}.
 *
 * @param step counts from 1
 */
export function adamFeeds(step: number, rate: number, options: AdamOptions = adamDefaults): Record<string, Tensor> {
  return {
    'adam.rate': float32([rate], []),
    'adam.meanCorrection': float32([1 / (1 - options.beta1 ** step)], []),
    'adam.squareCorrection': float32([1 / Math.sqrt(1 - options.beta2 ** step)], []),
  };
}

/** Initial state: the given parameters, and moments of zero. */
export function adamStart(parameters: Readonly<Record<string, Tensor<'float32'>>>): Record<string, Tensor> {
  const state: Record<string, Tensor> = {};
  for (const [name, parameter] of Object.entries(parameters)) {
    state[name] = parameter;
    state[`${name}.mean`] = float32(new Float32Array(elements(parameter.shape)), parameter.shape);
    state[`${name}.square`] = float32(new Float32Array(elements(parameter.shape)), parameter.shape);
  }
  return state;
}
