/** @file The graphs that image figures time: a frozen image tower forwards, and back to its pixels as in inversion. */
import type { Clip } from '../../src/clip/clip.ts';
import { imageTower } from '../../src/clip/image-tower.ts';
import { storedParameters } from '../../src/clip/parameters.ts';
import { mul } from '../../src/graph/elementwise.ts';
import { gradients } from '../../src/graph/gradients.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { input } from '../../src/graph/leaves.ts';
import { sum } from '../../src/graph/reduction.ts';
import { randomFor } from '../../src/tensor/random.ts';
import { elements, float32, type Shape, type Tensor } from '../../src/tensor/tensor.ts';

/** Embeddings [batch, embedding] of `pixels` in [0, 1]. */
export function forwardGraph(clip: Clip, batch: number): Graph {
  return { outputs: { embedding: embeddingOf(clip, batch).embedding } };
}

/** Embeddings, and the gradient of sum(embeddings * direction) with respect to the pixels, [batch, 3, side, side]. */
export function gradientGraph(clip: Clip, batch: number): Graph {
  const { pixels, embedding } = embeddingOf(clip, batch);
  const direction = input('direction', [batch, clip.config.embedding]);
  const [gradient] = gradients(sum(mul(embedding, direction)), [pixels]);
  return { outputs: { embedding, gradient: gradient! } };
}

function embeddingOf(clip: Clip, batch: number) {
  const { resolution } = clip.config.image;
  const pixels = input('pixels', [batch, 3, resolution, resolution]);
  return { pixels, embedding: imageTower(clip.config, storedParameters(clip.parameters), pixels) };
}

/** Random pixels in [0, 1] and a random direction: what both graphs and the peer are fed. */
export function imageProblem(clip: Clip, batch: number): { pixels: Tensor<'float32'>; direction: Tensor<'float32'> } {
  const { resolution } = clip.config.image;
  const random = randomFor(2, 'bench', 'pictures', batch);
  const draw = (shape: Shape, next: () => number) =>
    float32(Float32Array.from({ length: elements(shape) }, next), shape);
  return {
    pixels: draw([batch, 3, resolution, resolution], random.uniform),
    direction: draw([batch, clip.config.embedding], random.normal),
  };
}
