/** @file Pictures and texts to a CLIP's raw projections, as its Python implementations give them. */
import type { Engine } from '../engine/engine.ts';
import { input } from '../graph/leaves.ts';
import { float32, type Tensor } from '../tensor/tensor.ts';
import type { Clip } from './clip.ts';
import { paddedTokens, pixelsOf } from './encode.ts';
import { imageTower } from './image-tower.ts';
import { storedParameters } from './parameters.ts';
import { textTower, tokenEmbedding } from './text-tower.ts';

/**
 * Image embeddings that are not normalised, one picture at a time.
 *
 * @param pictures each [3, resolution, resolution], values 0 to 255, from `preprocess`
 * @returns [n, embedding]
 */
export async function projectPictures(
  engine: Engine,
  clip: Clip,
  pictures: AsyncIterable<Uint8Array>,
): Promise<Tensor<'float32'>> {
  const { resolution } = clip.config.image;
  const shape = [1, 3, resolution, resolution];
  const pixels = pixelsOf(input('picture', shape, 'uint8'));
  const embedding = imageTower(clip.config, storedParameters(clip.parameters), pixels);
  const program = await engine.compile({ outputs: { embedding } });
  const rows: Float32Array[] = [];
  for await (const data of pictures) {
    const result = await program.run({ picture: { dtype: 'uint8', shape, data } });
    rows.push(result.embedding!.data as Float32Array);
  }
  await program.release();
  return joined(rows, clip.config.embedding);
}

/**
 * Text embeddings that are not normalised. A text longer than the model's context is cut, as open_clip does.
 *
 * @returns [n, embedding]
 */
export async function projectTexts(engine: Engine, clip: Clip, texts: readonly string[]): Promise<Tensor<'float32'>> {
  const rows: Float32Array[] = [];
  if (texts.length > 0) {
    const encoded = texts.map((text) => clip.tokenizer.encode(text, 'truncate'));
    const length = Math.max(...encoded.map((tokens) => tokens.length));
    const parameters = storedParameters(clip.parameters);
    const tokens = tokenEmbedding(parameters, input('ids', [1, length], 'int64'));
    const embedding = textTower(clip.config, parameters, tokens, input('ends', [1], 'int64'));
    const program = await engine.compile({ outputs: { embedding } });
    for (const ids of encoded) {
      const result = await program.run(paddedTokens([ids], length));
      rows.push(result.embedding!.data as Float32Array);
    }
    await program.release();
  }
  return joined(rows, clip.config.embedding);
}

function joined(rows: readonly Float32Array[], width: number): Tensor<'float32'> {
  const data = new Float32Array(rows.length * width);
  rows.forEach((row, index) => {
    data.set(row, index * width);
  });
  return float32(data, [rows.length, width]);
}
