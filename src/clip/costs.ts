/** @file What a CLIP costs, from its configuration: arithmetic and memory, before anything has run. */
import type { ClipConfig } from './config.ts';

/**
 * Numbers of four bytes that a transformer keeps for each token, layer and unit of width from forward to backward, and
 * what is alive beside them: measured on ViT-B/32 (`npm run bench -- memory`), whose hidden layers are four times as wide.
 */
const keptByTransformer = 30;

/** Bytes that forward and backward through the text tower take for one token. */
export function tokenMemory({ text }: ClipConfig): number {
  return 4 * keptByTransformer * text.layers * text.width;
}
