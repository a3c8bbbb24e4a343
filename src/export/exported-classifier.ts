/** @file A classifier over an exported ONNX model, the same in Node and in browsers: what differs is handed in. */

import { preprocess } from '../clip/pictures/preprocess.ts';
import type { DecodedImage } from '../clip/pictures/resize.ts';
import { badData } from '../errors.ts';
import { type ExportManifest, preprocessConfigOf } from './manifest.ts';

/** The exported model, as some runtime runs it. */
export interface PixelModel {
  /**
   * @param pixels normalised, [count, 3, resolution, resolution]
   * @returns logits, [count, classes]
   */
  run(pixels: Float32Array, shape: readonly [number, number, number, number]): Promise<Float32Array>;
  release(): Promise<void>;
}

/** Best first; probabilities in [0, 1] over all classes. */
export type Predictions = readonly { readonly label: string; readonly probability: number }[];

export interface ExportedClassifier<Source> {
  readonly manifest: ExportManifest;
  /** Logits of every picture, in the order of `manifest.classes`. */
  logits(images: readonly Source[]): Promise<Float32Array[]>;
  /** The `top` best classes of every picture; all where it is left out. */
  classify(images: readonly Source[], top?: number): Promise<Predictions[]>;
  /** Lets the model go. */
  close(): Promise<void>;
}

/** Pictures that are run together: enough to be fast, few enough for pictures of any size. */
const batchSize = 16;

/** @param decode 8-bit RGB of a picture; its size is free */
export function exportedClassifier<Source>(
  manifest: ExportManifest,
  model: PixelModel,
  decode: (image: Source) => Promise<DecodedImage>,
): ExportedClassifier<Source> {
  const { classes } = manifest;
  const size = manifest.preprocessing.resolution;
  const config = preprocessConfigOf(manifest);

  async function logitsOf(images: readonly Source[]): Promise<Float32Array[]> {
    const rows: Float32Array[] = [];
    for (let first = 0; first < images.length; first += batchSize) {
      const batch = images.slice(first, first + batchSize);
      const pixels = new Float32Array(batch.length * 3 * size * size);
      for (const [index, image] of batch.entries()) {
        normalise(preprocess(await decode(image), config), manifest, pixels, index * 3 * size * size);
      }
      const logits = await model.run(pixels, [batch.length, 3, size, size]);
      if (logits.length !== batch.length * classes.length) {
        const found = `${logits.length / batch.length} logits a picture`;
        throw badData('onnx/model.onnx', found, `${classes.length}, one for each class`, 'export again');
      }
      for (const index of batch.keys()) rows.push(logits.slice(index * classes.length, (index + 1) * classes.length));
    }
    return rows;
  }

  return {
    manifest,
    logits: logitsOf,
    async classify(images, top = classes.length) {
      return (await logitsOf(images)).map((row) => ranked(row, classes, top));
    },
    close: () => model.release(),
  };
}

/** From bytes to what the exported model takes, as its graph would from pixels in [0, 1]. */
function normalise(
  bytes: Uint8Array,
  { preprocessing: { mean, std } }: ExportManifest,
  pixels: Float32Array,
  offset: number,
): void {
  const plane = bytes.length / 3;
  for (let channel = 0; channel < 3; channel++) {
    for (let i = channel * plane; i < (channel + 1) * plane; i++) {
      pixels[offset + i] = (bytes[i]! / 255 - mean[channel]!) / std[channel]!;
    }
  }
}

function ranked(logits: Float32Array, classes: readonly string[], top: number): Predictions {
  const largest = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
  const shares = Array.from(logits, (logit) => Math.exp(logit - largest));
  const total = shares.reduce((sum, share) => sum + share, 0);
  const order = [...shares.keys()].sort((a, b) => shares[b]! - shares[a]!).slice(0, top);
  return order.map((i) => ({ label: classes[i]!, probability: shares[i]! / total }));
}
