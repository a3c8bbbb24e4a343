/** @file Which share of the machine's own matrix product speed forward plus input gradient of ViT-B/32 reaches. */
import { openClip } from '../../src/checkpoints/open.ts';
import { openEngine } from '../../src/engine/ort-engine.ts';
import { arithmeticOf } from '../../src/graph/costs.ts';
import { mul } from '../../src/graph/elementwise.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { constant, input } from '../../src/graph/leaves.ts';
import { matMul } from '../../src/graph/linear-algebra.ts';
import { mean } from '../../src/graph/reduction.ts';
import { randomFor } from '../../src/tensor/random.ts';
import { float32 } from '../../src/tensor/tensor.ts';
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
    const graph = gradientGraph(clip, batch);
    const tower = await engine.compile(graph);
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
    const ours = speeds('tower', arithmeticOf(graph));
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
        note: `${(arithmeticOf(graph) / batch / 1e9).toFixed(2)} GFLOP a picture`,
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
