/** @file The memory limit of a step of either stage: above it, a batch has fewer pictures, at least eight, and classes take turns. */
import type { Clip } from '../../clip/clip.ts';
import { imageTower } from '../../clip/image-tower.ts';
import { storedParameters } from '../../clip/parameters.ts';
import { memoryOf } from '../../graph/costs.ts';
import { gradients } from '../../graph/gradients.ts';
import type { Graph } from '../../graph/graph.ts';
import { input } from '../../graph/leaves.ts';
import { sum } from '../../graph/reduction.ts';

/**
 * Bytes of activations, as `memoryOf` counts them, for a batch of inversion and for a chunk of prompts; the engine needs up
 * to twice as many. With weights, their copies in the engine's layout, and features, a purification over 1,000 classes stays
 * under 6 GiB, except on a tower of which {@link leastBatch} pictures, the smallest batch, take more.
 */
export const stepMemory = 2 * 2 ** 30;

/**
 * The same for all prompts at once, which is one program. Chunks are several programs, each with its own copy of the
 * weights, so they need no less memory than this (1,000 classes on ViT-B/32: 3.8 GiB in all, and 4.2 in chunks).
 */
export const wholeStepMemory = 3.5 * 2 ** 30;

/** The losses of inversion contrast the pictures of a batch with each other, and need at least this many. */
const leastBatch = 8;

/** Pictures for a step of inversion: as asked for, but no more than {@link stepMemory} holds and at least {@link leastBatch}. */
export function fittingBatch(clip: Clip, asked: number): number {
  return Math.min(asked, Math.max(leastBatch, Math.floor(stepMemory / memoryOf(pictureGradient(clip)))));
}

/** One picture through the image tower, forwards and backwards to its pixels. */
export function pictureGradient(clip: Clip): Graph {
  const { resolution } = clip.config.image;
  const pixels = input('pixels', [1, 3, resolution, resolution]);
  const embedding = imageTower(clip.config, storedParameters(clip.parameters), pixels);
  return { outputs: { embedding, gradient: gradients(sum(embedding), [pixels])[0]! } };
}
