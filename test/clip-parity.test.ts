/** @file The towers against PyTorch: open_clip and transformers on the same weights, pictures and token ids. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openClip } from '../src/checkpoints/open.ts';
import { imageTower } from '../src/clip/image-tower.ts';
import { storedParameters } from '../src/clip/parameters.ts';
import { textTower, tokenEmbedding } from '../src/clip/text-tower.ts';
import type { Engine } from '../src/engine/engine.ts';
import { openEngine } from '../src/engine/ort-engine.ts';
import { mul } from '../src/graph/elementwise.ts';
import { gradients } from '../src/graph/gradients.ts';
import { constant, input } from '../src/graph/leaves.ts';
import { sum } from '../src/graph/reduction.ts';
import { openSafetensors, readTensor } from '../src/tensor/safetensors.ts';
import { float32, type Tensor } from '../src/tensor/tensor.ts';

const folders = [
  'open-clip-vit-quick-gelu',
  'open-clip-vit-gelu',
  'open-clip-resnet-quick-gelu',
  'open-clip-resnet-gelu',
  'hugging-face-quick-gelu',
  'hugging-face-gelu-sharded',
];

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine({ device: 'cpu', threads: 1 });
});
afterAll(() => engine.close());

/** Euclidean distance over the length of what is expected. */
function relativeError(found: Tensor, expected: Tensor): number {
  const a = found.data as Float32Array;
  const b = expected.data as Float32Array;
  expect(a.length).toBe(b.length);
  return Math.hypot(...a.map((value, i) => value - b[i]!)) / Math.hypot(...b);
}

async function read(folder: string) {
  const path = fileURLToPath(new URL(`fixtures/clip/${folder}`, import.meta.url));
  const { tensors } = await openSafetensors(`${path}/expected.safetensors`);
  const expected = async (name: string) => readTensor(tensors.get(name)!);
  return { clip: await openClip(path), expected };
}

describe.each(folders)('%s', (folder) => {
  test('image embeddings and their gradient by pixels agree with PyTorch', async () => {
    const { clip, expected } = await read(folder);
    const pictures = await expected('pictures');
    const coefficients = await expected('coefficients');
    const pixels = input('pixels', pictures.shape);
    const embedding = imageTower(clip.config, storedParameters(clip.parameters), pixels);
    const loss = sum(mul(embedding, constant(coefficients)));
    const [gradient] = gradients(loss, [pixels]);
    const program = await engine.compile({ outputs: { embedding, gradient: gradient! } });
    const scaled = Float32Array.from(pictures.data as Uint8Array, (value) => value / 255);
    const result = await program.run({ pixels: float32(scaled, pictures.shape) });
    expect(relativeError(result.embedding!, await expected('image_embeds'))).toBeLessThan(1e-5);
    expect(relativeError(result.gradient!, await expected('pixel_gradient'))).toBeLessThan(1e-5);
  });

  test('text embeddings agree with PyTorch', async () => {
    const { clip, expected } = await read(folder);
    const ids = await expected('ids');
    const ends = await expected('ends');
    const parameters = storedParameters(clip.parameters);
    const tokens = tokenEmbedding(parameters, input('ids', ids.shape, 'int64'));
    const embedding = textTower(clip.config, parameters, tokens, input('ends', ends.shape, 'int64'));
    const program = await engine.compile({ outputs: { embedding } });
    const result = await program.run({ ids, ends });
    expect(relativeError(result.embedding!, await expected('text_embeds'))).toBeLessThan(1e-5);
  });
});
