/** @file CLIPs of many kinds, depths and sizes against PyTorch, opened as users find them. Weights come from a formula. */
import { copyFile, mkdtemp, readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { toOpenClipConfig } from '../src/checkpoints/config/open-clip.ts';
import { openClip } from '../src/checkpoints/open.ts';
import { openPytorch } from '../src/checkpoints/pytorch/open-pytorch.ts';
import type { Clip } from '../src/clip/clip.ts';
import { imageTower } from '../src/clip/image-tower.ts';
import { storedParameters } from '../src/clip/parameters.ts';
import { textTower, tokenEmbedding } from '../src/clip/text-tower.ts';
import type { Engine } from '../src/engine/engine.ts';
import { openEngine } from '../src/engine/ort-engine.ts';
import { input } from '../src/graph/leaves.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../src/tensor/safetensors.ts';
import { elements, float32, type Shape, type Tensor } from '../src/tensor/tensor.ts';

/** See fixtures/clip/make-kinds.py. */
interface Kind {
  readonly kind: string;
  readonly files: Readonly<Record<string, unknown>>;
  readonly weights: string;
  readonly wrap: readonly string[];
  readonly resolution: number;
  readonly tensors: readonly (readonly [name: string, shape: Shape])[];
}

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/clip/${name}`, import.meta.url));
const kinds = JSON.parse(await readFile(fixture('kinds.json'), 'utf8')) as readonly Kind[];

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine({ device: 'cpu', threads: 1 });
});
afterAll(() => engine.close());

test.each(kinds)('$kind: both embeddings agree with PyTorch', async (kind) => {
  const { tensors } = await openSafetensors(fixture('kinds.safetensors'));
  const expected = (name: string) => readTensor(tensors.get(`${kind.kind}/${name}`)!);
  const clip = await openClip(await write(kind));
  const values = uniform(`${kind.kind}/pictures`, 2 * 3 * kind.resolution ** 2);
  const pixels = Float32Array.from(values, (value) => Math.fround(Math.floor((value + 1) * 128)) / 255);
  const [ids, ends] = [await expected('ids'), await expected('ends')];
  const { image, text } = await embed(clip, float32(pixels, [2, 3, kind.resolution, kind.resolution]), ids, ends);
  expect(relativeError(image, await expected('image_embeds'))).toBeLessThan(1e-5);
  expect(relativeError(text, await expected('text_embeds'))).toBeLessThan(1e-5);
});

/**
 * The model on disk as the table has it: a file of the fixtures if its tensors are not told, otherwise a folder if
 * there is a configuration, or a bare file.
 */
async function write({ files, weights, wrap, tensors }: Kind): Promise<string> {
  if (tensors.length === 0) return fixture(weights);
  const folder = await mkdtemp(join(tmpdir(), 'antidote-'));
  for (const [name, json] of Object.entries(files)) await writeFile(join(folder, name), JSON.stringify(json));
  await writeSafetensors(
    join(folder, weights),
    Object.fromEntries(
      tensors.map(([name, shape], i) => [`${wrap[i % wrap.length]}${name}`, float32(fill(name, shape), shape)]),
    ),
  );
  return Object.keys(files).length > 0 ? folder : join(folder, weights);
}

/** make-kinds.py's `tensor`. */
function fill(name: string, shape: Shape): Float32Array {
  const u = uniform(name, elements(shape));
  const matrix = shape.length >= 2 && !name.includes('embedding');
  const columns = name.endsWith('visual.proj') || name.endsWith('text_projection');
  const inputs = columns ? shape[0]! : elements(shape.slice(1));
  const rule = (value: number) => {
    if (name.endsWith('running_var')) return 0.5 + Math.abs(value);
    if (name.endsWith('logit_scale')) return 3.5;
    if (matrix) return (1.8 * value) / Math.sqrt(inputs);
    return shape.length === 1 && name.endsWith('weight') ? 1 + 0.3 * value : 0.5 * value;
  };
  return Float32Array.from(u, rule);
}

/** make-kinds.py's `uniform`. */
function uniform(name: string, count: number): Float64Array {
  let seed = 2166136261;
  for (const byte of new TextEncoder().encode(name)) seed = Math.imul(seed ^ byte, 16777619);
  return Float64Array.from({ length: count }, (_, i) => {
    let x = (Math.imul(i, 2654435761) + seed) | 0;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    return ((x ^ (x >>> 16)) >>> 0) / 2 ** 31 - 1;
  });
}

async function embed(clip: Clip, pixels: Tensor, ids: Tensor, ends: Tensor): Promise<{ image: Tensor; text: Tensor }> {
  const parameters = storedParameters(clip.parameters);
  const image = imageTower(clip.config, parameters, input('pixels', pixels.shape));
  const tokens = tokenEmbedding(parameters, input('ids', ids.shape, 'int64'));
  const text = textTower(clip.config, parameters, tokens, input('ends', ends.shape, 'int64'));
  const program = await engine.compile({ outputs: { image, text } });
  const result = await program.run({ pixels, ids, ends });
  return { image: result.image!, text: result.text! };
}

/** Euclidean distance over the length of what is expected. */
function relativeError(found: Tensor, expected: Tensor): number {
  const a = found.data as Float32Array;
  const b = expected.data as Float32Array;
  expect(a.length).toBe(b.length);
  return Math.hypot(...a.map((value, i) => value - b[i]!)) / Math.hypot(...b);
}

test('PyTorch files say what they are, and what was taken off and left aside', async () => {
  const archive = await openClip(fixture('archive.pt'));
  expect(archive).toMatchObject({ format: 'torchscript', config: { activation: 'quick-gelu' } });
  expect([...archive.reading.ignored].sort()).toEqual([
    'attn_mask',
    'context_length',
    'input_resolution',
    'vocab_size',
  ]);
  expect(archive.reading.origins.activation).toEqual({ from: 'known', note: "OpenAI's archive" });
  expect(archive.reading.dtypes).toEqual({ float16: archive.parameters.size });
  const checkpoint = await openClip(fixture('checkpoint.pt'));
  expect(checkpoint).toMatchObject({ format: 'training-checkpoint', reading: { container: 'zip', ignored: [] } });
  expect(checkpoint.reading.prefixes).toEqual(['_orig_mod.', 'module.', 'module._orig_mod.']);
  expect(checkpoint.reading.dtypes).toEqual({ bfloat16: checkpoint.parameters.size });
});

test('a folder of PyTorch files opens as one of safetensors does: one file, or several with their index', async () => {
  const alone = await openClip(fixture('checkpoint.pt'));
  const folder = await mkdtemp(join(tmpdir(), 'antidote-'));
  await writeFile(join(folder, 'open_clip_config.json'), JSON.stringify(toOpenClipConfig(alone.config)));
  await copyFile(fixture('checkpoint.pt'), join(folder, 'open_clip_pytorch_model.bin'));
  const inFolder = await openClip(folder);
  expect(inFolder).toMatchObject({ format: 'open-clip', sha256: alone.sha256, config: alone.config });
  await rename(join(folder, 'open_clip_pytorch_model.bin'), join(folder, 'pytorch_model-00001-of-00001.bin'));
  const { tensors } = await openPytorch(fixture('checkpoint.pt'));
  const weight_map = Object.fromEntries([...tensors.keys()].map((name) => [name, 'pytorch_model-00001-of-00001.bin']));
  await writeFile(join(folder, 'pytorch_model.bin.index.json'), JSON.stringify({ weight_map }));
  const indexed = await openClip(folder);
  expect(indexed.config).toEqual(alone.config);
  expect(indexed.reading).toMatchObject({ container: 'zip', bytes: alone.reading.bytes });
});
