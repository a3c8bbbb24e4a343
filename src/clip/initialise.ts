/** @file Every parameter of a CLIP and its first values (OpenAI `clip/model.py`, initialize_parameters). */
import type { Random } from '../tensor/random.ts';
import { elements, float32, type Shape, type Tensor } from '../tensor/tensor.ts';
import type { ClipConfig, ResNetConfig, TextConfig, VitConfig } from './config.ts';

type Start =
  | { readonly kind: 'constant'; readonly value: number }
  /** Gaussian of this standard deviation. */
  | { readonly kind: 'normal'; readonly deviation: number }
  /** Uniform in +-bound: PyTorch's default for convolutions and linear layers is 1 / sqrt(inputs). */
  | { readonly kind: 'uniform'; readonly bound: number };

/** One parameter: its shape and its first values. */
export interface ParameterPlan {
  readonly shape: Shape;
  readonly start: Start;
}

const zeros: Start = { kind: 'constant', value: 0 };
const ones: Start = { kind: 'constant', value: 1 };
const normal = (deviation: number): Start => ({ kind: 'normal', deviation });
const uniform = (inputs: number): Start => ({ kind: 'uniform', bound: inputs ** -0.5 });

type Plan = Map<string, ParameterPlan>;

/** All parameters of the architecture, batch statistics included, by OpenAI's names and in their order. */
export function parameterPlan(config: ClipConfig): ReadonlyMap<string, ParameterPlan> {
  const plan: Plan = new Map();
  const { text, image, embedding } = config;
  plan.set('positional_embedding', { shape: [text.context, text.width], start: normal(0.01) });
  plan.set('text_projection', { shape: [text.width, embedding], start: normal(text.width ** -0.5) });
  // ln(1 / 0.07), CLIP's first temperature.
  plan.set('logit_scale', { shape: [], start: { kind: 'constant', value: Math.log(1 / 0.07) } });
  if (image.kind === 'vit') planVisionTransformer(plan, image, embedding);
  else planModifiedResNet(plan, image, embedding);
  planTransformer(plan, 'transformer.', text);
  plan.set('token_embedding.weight', { shape: [text.vocabulary, text.width], start: normal(0.02) });
  planNorm(plan, 'ln_final', text.width);
  return plan;
}

/** First values of every parameter, drawn in the order of {@link parameterPlan}. */
export function initialParameters(config: ClipConfig, random: Random): Record<string, Tensor<'float32'>> {
  const parameters: Record<string, Tensor<'float32'>> = {};
  for (const [name, { shape, start }] of parameterPlan(config)) {
    const data = new Float32Array(elements(shape));
    for (let i = 0; i < data.length; i++) data[i] = draw(start, random);
    parameters[name] = float32(data, shape);
  }
  return parameters;
}

function draw(start: Start, random: Random): number {
  switch (start.kind) {
    case 'constant':
      return start.value;
    case 'normal':
      return start.deviation * random.normal();
    case 'uniform':
      return start.bound * (2 * random.uniform() - 1);
  }
}

function planVisionTransformer(plan: Plan, image: VitConfig, embedding: number): void {
  const { width, patch, resolution } = image;
  const scale = width ** -0.5;
  plan.set('visual.class_embedding', { shape: [width], start: normal(scale) });
  plan.set('visual.positional_embedding', { shape: [(resolution / patch) ** 2 + 1, width], start: normal(scale) });
  plan.set('visual.proj', { shape: [width, embedding], start: normal(scale) });
  plan.set('visual.conv1.weight', { shape: [width, 3, patch, patch], start: uniform(3 * patch * patch) });
  planNorm(plan, 'visual.ln_pre', width);
  planTransformer(plan, 'visual.transformer.', image);
  planNorm(plan, 'visual.ln_post', width);
}

function planModifiedResNet(plan: Plan, image: ResNetConfig, embedding: number): void {
  const { width, layers, resolution } = image;
  planConvolution(plan, 'visual.conv1', 'visual.bn1', 3, width / 2, 3);
  planConvolution(plan, 'visual.conv2', 'visual.bn2', width / 2, width / 2, 3);
  planConvolution(plan, 'visual.conv3', 'visual.bn3', width / 2, width, 3);
  let channels = width;
  layers.forEach((blocks, stage) => {
    const planes = width * 2 ** stage;
    for (let block = 0; block < blocks; block++) {
      const prefix = `visual.layer${stage + 1}.${block}`;
      planConvolution(plan, `${prefix}.conv1`, `${prefix}.bn1`, channels, planes, 1);
      planConvolution(plan, `${prefix}.conv2`, `${prefix}.bn2`, planes, planes, 3);
      planConvolution(plan, `${prefix}.conv3`, `${prefix}.bn3`, planes, planes * 4, 1);
      // Zero, so that each block starts as its shortcut.
      plan.set(`${prefix}.bn3.weight`, { shape: [planes * 4], start: zeros });
      if (block === 0 && (stage > 0 || channels !== planes * 4)) {
        planConvolution(plan, `${prefix}.downsample.0`, `${prefix}.downsample.1`, channels, planes * 4, 1);
      }
      channels = planes * 4;
    }
  });
  const pool = 'visual.attnpool';
  const scale = normal(channels ** -0.5);
  plan.set(`${pool}.positional_embedding`, { shape: [(resolution / 32) ** 2 + 1, channels], start: scale });
  for (const name of ['k_proj', 'q_proj', 'v_proj', 'c_proj']) {
    const outputs = name === 'c_proj' ? embedding : channels;
    plan.set(`${pool}.${name}.weight`, { shape: [outputs, channels], start: scale });
    plan.set(`${pool}.${name}.bias`, { shape: [outputs], start: uniform(channels) });
  }
}

function planConvolution(plan: Plan, conv: string, bn: string, inputs: number, outputs: number, side: number): void {
  plan.set(`${conv}.weight`, { shape: [outputs, inputs, side, side], start: uniform(inputs * side * side) });
  plan.set(`${bn}.weight`, { shape: [outputs], start: ones });
  plan.set(`${bn}.bias`, { shape: [outputs], start: zeros });
  plan.set(`${bn}.running_mean`, { shape: [outputs], start: zeros });
  plan.set(`${bn}.running_var`, { shape: [outputs], start: ones });
}

function planTransformer(plan: Plan, prefix: string, { width, layers, hidden }: VitConfig | TextConfig): void {
  const projection = width ** -0.5 * (2 * layers) ** -0.5;
  for (let layer = 0; layer < layers; layer++) {
    const block = `${prefix}resblocks.${layer}.`;
    plan.set(`${block}attn.in_proj_weight`, { shape: [3 * width, width], start: normal(width ** -0.5) });
    plan.set(`${block}attn.in_proj_bias`, { shape: [3 * width], start: zeros });
    plan.set(`${block}attn.out_proj.weight`, { shape: [width, width], start: normal(projection) });
    plan.set(`${block}attn.out_proj.bias`, { shape: [width], start: zeros });
    planNorm(plan, `${block}ln_1`, width);
    plan.set(`${block}mlp.c_fc.weight`, { shape: [hidden, width], start: normal((2 * width) ** -0.5) });
    plan.set(`${block}mlp.c_fc.bias`, { shape: [hidden], start: zeros });
    plan.set(`${block}mlp.c_proj.weight`, { shape: [width, hidden], start: normal(projection) });
    plan.set(`${block}mlp.c_proj.bias`, { shape: [width], start: zeros });
    planNorm(plan, `${block}ln_2`, width);
  }
}

function planNorm(plan: Plan, name: string, width: number): void {
  plan.set(`${name}.weight`, { shape: [width], start: ones });
  plan.set(`${name}.bias`, { shape: [width], start: zeros });
}
