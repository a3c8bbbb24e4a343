/** @file Which share of the machine's own matrix product speed forward plus input gradient of ViT-B/32 reaches. */
import { openClip } from '../src/checkpoints/open.ts';
import type { ClipConfig } from '../src/clip/config.ts';
import { openEngine } from '../src/engine/ort-engine.ts';
import { mul } from '../src/graph/elementwise.ts';
import type { Graph } from '../src/graph/graph.ts';
import { constant, input } from '../src/graph/leaves.ts';
import { matMul } from '../src/graph/linear-algebra.ts';
import { mean } from '../src/graph/reduction.ts';
import { randomFor } from '../src/tensor/random.ts';
import { float32 } from '../src/tensor/tensor.ts';
import type { Figure } from './figure.ts';
import { gradientGraph, imageProblem } from './image-graphs.ts';
import { median, takeTurns, timed } from './measure.ts';

const batch = 16;

/** Side of the square matrices: large enough that a product is all arithmetic. */
const side = 2048;

/** Products in a row, so that feeding and reading cost nothing beside them. */
const products = 3;

export const matmulShareFigure: Figure = async (bench) => {
  const clip = await openClip(await bench.model('vit-b-32'));
  bench.say(`ViT-B/32, batch ${batch}, and products of ${side} x ${side} matrices`);
  const engine = await openEngine({ device: 'cpu', threads: bench.threads });
  try {
    const tower = await engine.compile(gradientGraph(clip, batch));
    const peak = await engine.compile(peakGraph());
    const problem = imageProblem(clip, batch);
    const turns = new Map([
      ['tower', () => timed(() => tower.run(problem))],
      ['peak', () => timed(() => peak.run({ one: float32([1], []) }))],
    ]);
    await takeTurns(turns, 1);
    const times = await takeTurns(turns, bench.reps);
    const speeds = (name: string, operations: number) =>
      times.get(name)!.map((milliseconds) => operations / milliseconds / 1e6);
    const ours = speeds('tower', batch * visionTransformerOperations(clip.config));
    const theirs = speeds('peak', products * 2 * side ** 3);
    const ratio = median(ours) / median(theirs);
    return [
      {
        what: `ViT-B/32, batch ${batch}, forward + input gradient`,
        unit: 'GFLOP/s',
        ours: median(ours),
        peer: { name: 'own MatMul peak', value: median(theirs) },
        ratio,
        bar: { of: 'ratio', atLeast: 0.8 },
        reached: ratio >= 0.8,
        note: `${(visionTransformerOperations(clip.config) / 1e9).toFixed(2)} GFLOP a picture`,
        samples: { ours, peer: theirs },
      },
    ];
  } finally {
    await engine.close();
  }
};

/** A chain of products with a constant matrix, laid out in advance as weights are; only a mean comes out. */
function peakGraph(): Graph {
  const random = randomFor(3, 'bench', 'matrix');
  // Entries of variance 1 / side keep the numbers of the chain of one size.
  const matrix = float32(
    Float32Array.from({ length: side * side }, () => random.normal() * side ** -0.5),
    [side, side],
  );
  let x = mul(constant(matrix), input('one', []));
  for (let i = 0; i < products; i++) x = matMul(x, constant(matrix));
  return { outputs: { mean: mean(x) } };
}

/**
 * Multiplications and additions of one picture's matrix products, forward and back to the pixels. With L tokens, width
 * w, hidden width h, P numbers in a patch, and embedding e, a product of [a, b] and [b, c] counted as 2abc:
 *
 *   weights    2 (L - 1) P w  +  a block: 2 L (3 w^2 + w^2 + 2 w h)  +  2 w e    the same again backwards, to the input
 *   attention  a block: 2 L^2 w each for scores and mixture                      twice that backwards, to both factors
 *
 * The last block asks for one token: its keys and values are those of all L, the rest is of that one. Weights are
 * frozen, so none has a gradient. Elementwise work counts nothing.
 */
export function visionTransformerOperations({ image, embedding }: ClipConfig): number {
  if (image.kind !== 'vit') throw new TypeError('the formula is that of a vision transformer');
  const { width: w, hidden: h, layers, patch, resolution } = image;
  const length = (resolution / patch) ** 2 + 1;
  const block = (queries: number) => ({
    weights: 2 * length * 2 * w ** 2 + 2 * queries * (2 * w ** 2 + 2 * w * h),
    attention: 2 * (2 * queries * length * w),
  });
  const [full, last] = [block(length), block(1)];
  const weights =
    2 * (length - 1) * 3 * patch ** 2 * w + (layers - 1) * full.weights + last.weights + 2 * w * embedding;
  const attention = (layers - 1) * full.attention + last.attention;
  return 2 * weights + 3 * attention;
}
