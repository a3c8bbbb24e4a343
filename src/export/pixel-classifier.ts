/** @file A classifier over an exported ONNX model, for Node and for browsers: the caller passes runtime and decoder. */
import { preprocess } from '../clip/pictures/preprocess.ts';
import type { DecodedImage } from '../clip/pictures/resize.ts';
import { badData } from '../errors.ts';
import { type ClassPredictions, topClasses } from '../evaluation/top-classes.ts';
import { type ExportManifest, preprocessConfigOf } from './manifest.ts';
import { onnxModel } from './onnx-files.ts';

/** The exported model, as some runtime runs it. */
export interface PixelModel {
  /**
   * @param pixels normalised, [count, 3, resolution, resolution]
   * @returns logits, [count, classes]
   */
  run(pixels: Float32Array, shape: readonly [number, number, number, number]): Promise<Float32Array>;
  release(): Promise<void>;
}

export interface ExportedClassifier<Source> {
  readonly manifest: ExportManifest;
  /** Logits of every picture, in the order of `manifest.classes`. */
  logits(images: readonly Source[]): Promise<Float32Array[]>;
  /** The `top` likeliest classes of every picture; all by default. */
  classify(images: readonly Source[], top?: number): Promise<ClassPredictions[]>;
  /** Releases the model. */
  close(): Promise<void>;
}

/** Pictures per call of the model: enough to be fast, few enough for the memory of any resolution. */
const batchSize = 16;

/** @param decode 8-bit RGB of a picture; its size is free */
export function pixelClassifier<Source>(
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
        throw badData(onnxModel, found, `${classes.length}, one for each class`, 'export again');
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

/** From bytes to the input of the exported model: its graph normalises pixels in [0, 1] in the same way. */
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

function ranked(logits: Float32Array, classes: readonly string[], top: number): ClassPredictions {
  const largest = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
  const shares = Array.from(logits, (logit) => Math.exp(logit - largest));
  const total = shares.reduce((sum, share) => sum + share, 0);
  return topClasses(classes, shares, total, top);
}
