/** @file The purified classifier as one ONNX model, `pixel_values -> logits`, in the folder that transformers.js looks for. */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clip, Head } from '../clip/clip.ts';
import { normalisedImageTower } from '../clip/image-tower.ts';
import { storedParameters } from '../clip/parameters.ts';
import { l2Normalize } from '../graph/composites.ts';
import { mul } from '../graph/elementwise.ts';
import { withFreeBatch } from '../graph/free-batch.ts';
import type { Graph } from '../graph/graph.ts';
import { constant, input } from '../graph/leaves.ts';
import { gemm } from '../graph/linear-algebra.ts';
import { encodeModel, type OnnxInitializer } from '../graph/onnx-file.ts';
import { writeAtomically, writeFileAtomically } from '../tensor/files/atomic-file.ts';
import { writeJson } from '../tensor/files/json-file.ts';
import { readKeepingHalf } from '../tensor/safetensors.ts';
import { elements, float32, type StoredTensor } from '../tensor/tensor.ts';
import { onnxData, onnxDataInModel, onnxModel } from './onnx-files.ts';

/**
 * Most bytes of weights inside the model's own file. Protobuf's limit is 2 GiB; this is far below, because writers and
 * readers hold such a file in memory more than once. RN50 and ViT-B/32 stay in one file.
 */
const mostInside = 512 * 1024 * 1024;

/** Alignment of tensors in the data file: a multiple of a cache line. */
const alignment = 64;

/**
 * Writes `onnx/model.onnx` (and `onnx/model.onnx_data`, if weights are large), `config.json` and
 * `preprocessor_config.json`. Half precision stays half precision in the file; the model computes in float32.
 *
 * @param notes metadata of the model
 * @returns the purpose of each written file
 */
export async function writeOnnxModel(
  directory: string,
  clip: Clip,
  head: Head,
  notes: Readonly<Record<string, string>>,
  inside: number = mostInside,
): Promise<Record<string, string>> {
  const graph = withFreeBatch((count) => classifierGraph(clip, head, count), 'batch');
  const weights = graph.initializers.filter((initializer) => initializer.location !== undefined);
  const external = weights.reduce((sum, { tensor }) => sum + bytesOf(tensor), 0) > inside;
  await mkdir(dirname(join(directory, onnxModel)), { recursive: true });
  const placed = external
    ? await writeData(join(directory, onnxData), graph.initializers)
    : await Promise.all(graph.initializers.map(inMemory));
  await writeFileAtomically(join(directory, onnxModel), encodeModel({ ...graph, initializers: placed }, notes));
  await writeJson(join(directory, 'config.json'), modelConfig(clip, head, external));
  await writeJson(join(directory, 'preprocessor_config.json'), preprocessorConfig(clip));
  return {
    [onnxModel]: 'the image encoder and the purified head: pixel_values [batch, 3, size, size] to logits',
    ...(external && { [onnxData]: 'weights of model.onnx' }),
    'config.json': 'class names, for transformers.js',
    'preprocessor_config.json': 'how pictures are prepared, for transformers.js',
  };
}

function classifierGraph(clip: Clip, { classes, embedding, embeddings, scale }: Head, count: number): Graph {
  const { resolution } = clip.config.image;
  const pixels = input('pixel_values', [count, 3, resolution, resolution]);
  const image = l2Normalize(normalisedImageTower(clip.config, storedParameters(clip.parameters), pixels));
  const texts = constant(float32(embeddings, [classes.length, embedding]));
  return { outputs: { logits: mul(gemm(image, texts, { transposeB: true }), scale) } };
}

/** Half precision unchanged; types that browsers' runtimes may lack (bfloat16, float64) as float32. */
async function inMemory(initializer: OnnxInitializer): Promise<OnnxInitializer> {
  if (initializer.location === undefined) return initializer;
  return { name: initializer.name, tensor: await readKeepingHalf(initializer.tensor) };
}

function bytesOf({ dtype, shape }: StoredTensor): number {
  return elements(shape) * (dtype === 'float16' ? 2 : 4);
}

/** Moves weights to a data file, one at a time; small constants stay in the model. */
async function writeData(path: string, initializers: readonly OnnxInitializer[]): Promise<OnnxInitializer[]> {
  const placed: OnnxInitializer[] = [];
  await writeAtomically(path, async (file) => {
    let end = 0;
    for (const initializer of initializers) {
      if (initializer.location === undefined) {
        placed.push(initializer);
        continue;
      }
      const { data, dtype, shape } = await readKeepingHalf(initializer.tensor);
      const offset = Math.ceil(end / alignment) * alignment;
      await file.write(new Uint8Array(offset - end), 0, offset - end, end);
      for (let done = 0; done < data.byteLength; ) {
        const rest = new Uint8Array(data.buffer, data.byteOffset + done, data.byteLength - done);
        done += (await file.write(rest, 0, Math.min(rest.length, 1 << 28), offset + done)).bytesWritten;
      }
      end = offset + data.byteLength;
      const tensor: StoredTensor = { path, dtype, shape, offset, length: data.byteLength };
      placed.push({ name: initializer.name, tensor, location: onnxDataInModel });
    }
  });
  return placed;
}

/**
 * transformers.js chooses its code by `model_type`: `vit` is a classifier of pictures with one output `logits` (`clip` is
 * refused for that task). `dtype` says that there is one model file, not a quantized one, which browsers would look for.
 */
function modelConfig({ config }: Clip, { classes }: Head, external: boolean) {
  return {
    model_type: 'vit',
    architectures: ['ViTForImageClassification'],
    image_size: config.image.resolution,
    num_channels: 3,
    id2label: Object.fromEntries(classes.entries()),
    label2id: Object.fromEntries(classes.map((name, id) => [name, id])),
    'transformers.js_config': { dtype: 'fp32', ...(external && { use_external_data_format: true }) },
  };
}

/**
 * Lanczos by Pillow's numbers (`PIL.Image.Resampling`), for any training of the model. In Node transformers.js interpolates
 * for `bicubic` and `bilinear` without smoothing first, so that a picture scaled down to a third is grainy; for Lanczos it
 * smooths. That is closer to Pillow's bicubic: `test/export-transformers-js.test.ts` measures it. In browsers
 * transformers.js ignores this key.
 */
const lanczos = 1;

function preprocessorConfig({ config: { image, preprocessing } }: Clip) {
  const { mean, std, resize } = preprocessing;
  const square = { height: image.resolution, width: image.resolution };
  return {
    image_processor_type: 'CLIPImageProcessor',
    do_convert_rgb: true,
    do_resize: true,
    size: resize === 'squash' ? square : { shortest_edge: image.resolution },
    resample: lanczos,
    do_center_crop: resize === 'shortest',
    crop_size: square,
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: mean,
    image_std: std,
  };
}
