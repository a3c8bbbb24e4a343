/** @file Figures of the image towers: forward plus input gradient, and forward alone, per picture. */
import { join } from 'node:path';
import { openClip } from '../../src/checkpoints/open.ts';
import type { Clip } from '../../src/clip/clip.ts';
import type { Engine, Program, Tensors } from '../../src/engine/engine.ts';
import { openEngine } from '../../src/engine/ort-engine.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../../src/tensor/safetensors.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { type Bench, type Figure, fasterThan, type Row } from './figure.ts';
import { forwardGraph, gradientGraph, imageProblem } from './image-graphs.ts';
import { checkParity, takeTurns, timed } from './measure.ts';
import { type Peer, peerTurn } from './peer.ts';

/** What a peer is asked for, and how many times faster than it we are to be. */
interface Comparison {
  readonly kind: 'gradient' | 'forward';
  readonly peers: readonly { readonly compiled: boolean; readonly atLeast: number | null }[];
}

const batches = [8, 16];

const comparisons: { readonly [M in 'vit-b-32' | 'rn50']: readonly Comparison[] } = {
  'vit-b-32': [
    {
      kind: 'gradient',
      peers: [
        { compiled: false, atLeast: 1.5 },
        { compiled: true, atLeast: 1.25 },
      ],
    },
    { kind: 'forward', peers: [{ compiled: false, atLeast: null }] },
  ],
  rn50: [
    { kind: 'gradient', peers: [{ compiled: false, atLeast: 1.3 }] },
    { kind: 'forward', peers: [{ compiled: false, atLeast: 1.3 }] },
  ],
};

/** Turns before timing: memory is planned, and a compiled peer compiles. */
const warmUps = 2;

export const vitFigure: Figure = (bench) => imageFigure(bench, 'vit-b-32', 'ViT-B/32');
export const resnetFigure: Figure = (bench) => imageFigure(bench, 'rn50', 'RN50');

async function imageFigure(bench: Bench, name: 'vit-b-32' | 'rn50', title: string): Promise<readonly Row[]> {
  const folder = await bench.model(name);
  const clip = await openClip(folder);
  const peer = await bench.peer(folder);
  const engine = await openEngine({ device: 'cpu', threads: bench.threads });
  try {
    const rows: Row[] = [];
    for (const batch of batches) {
      for (const comparison of comparisons[name]) {
        rows.push(...(await compare(bench, engine, clip, peer, batch, comparison, title)));
      }
    }
    return rows;
  } finally {
    await engine.close();
    if (!('absent' in peer)) await peer.close();
  }
}

async function compare(
  bench: Bench,
  engine: Engine,
  clip: Clip,
  peer: Peer | { readonly absent: string },
  batch: number,
  { kind, peers }: Comparison,
  title: string,
): Promise<readonly Row[]> {
  const what = `${title}, batch ${batch}, ${kind === 'gradient' ? 'forward + input gradient' : 'forward'}`;
  bench.say(what);
  const { pixels, direction } = imageProblem(clip, batch);
  const feeds = kind === 'gradient' ? { pixels, direction } : { pixels };
  const program = await engine.compile(graphs[kind](clip, batch));
  try {
    const turns = new Map([['ours', async () => timed(() => program.run(feeds))]]);
    const absent = new Map<string, string>();
    const notes = new Map<string, string>();
    for (const { compiled } of peers) {
      const name = peerName(compiled);
      if ('absent' in peer) {
        absent.set(name, peer.absent);
        continue;
      }
      const problem = join(bench.scratch, `pictures-${batch}.safetensors`);
      await writeSafetensors(problem, { pixels, direction });
      const run = `${kind} ${batch} ${name}`;
      try {
        await peer.ask({ do: 'image', name: run, problem, gradient: kind === 'gradient', compiled });
        const difference = await agreement(bench, peer, run, program, feeds, what);
        notes.set(name, `both agree within ${difference.toExponential(1)}`);
      } catch (error) {
        // A compiler that is missing takes away one comparison; a peer that computes something else, all trust.
        if (!compiled) throw error;
        absent.set(name, (error as Error).message);
        continue;
      }
      turns.set(name, peerTurn(peer, run));
    }
    await takeTurns(turns, warmUps);
    const times = await takeTurns(turns, bench.reps);
    const perPicture = (name: string) => (times.get(name) ?? []).map((milliseconds) => milliseconds / batch);
    return peers.map(({ compiled, atLeast }) => {
      const name = peerName(compiled);
      const missing = absent.get(name);
      return fasterThan(
        { what, unit: 'ms/image', samples: perPicture('ours'), note: notes.get(name) ?? '' },
        missing === undefined ? { name, samples: perPicture(name) } : { absent: missing },
        atLeast,
      );
    });
  } finally {
    await program.release();
  }
}

const graphs: { readonly [K in Comparison['kind']]: (clip: Clip, batch: number) => Graph } = {
  gradient: gradientGraph,
  forward: forwardGraph,
};

const peerName = (compiled: boolean) => (compiled ? 'PyTorch compiled' : 'PyTorch eager');

/** Lets both sides run once on the same pictures and compares all that comes out. */
async function agreement(
  bench: Bench,
  peer: Peer,
  run: string,
  program: Program,
  feeds: Tensors,
  what: string,
): Promise<number> {
  const ours = await program.run(feeds);
  const theirs = await peerResult(bench, peer, run);
  const differences = Object.entries(ours).map(([output, { data, shape }]) =>
    checkParity(`${what}: ${output}`, data as Float32Array, theirs[output]!.data as Float32Array, shape[0]!),
  );
  return Math.max(...differences);
}

async function peerResult(bench: Bench, peer: Peer, run: string): Promise<Record<string, Tensor>> {
  const file = join(bench.scratch, 'result.safetensors');
  await peer.ask({ do: 'run', name: run });
  await peer.ask({ do: 'result', name: run, file });
  const { tensors } = await openSafetensors(file);
  const read = [...tensors].map(async ([name, stored]) => [name, await readTensor(stored)] as const);
  return Object.fromEntries(await Promise.all(read));
}
