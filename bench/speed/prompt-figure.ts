/** @file One step of prompt tuning on ViT-B/32's text tower, per class, against PyTorch at 77 and at equal tokens. */
import { join } from 'node:path';
import { openClip } from '../../src/checkpoints/open.ts';
import type { Head } from '../../src/clip/clip.ts';
import { zeroShotHead } from '../../src/clip/zero-shot.ts';
import { thingNames } from '../../src/data/emoji/emoji.ts';
import { cbptDefaults } from '../../src/defenses/cbpt/purify.ts';
import { promptFrame, startingContexts } from '../../src/defenses/cbpt/tuning/frame.ts';
import { tunePrompts } from '../../src/defenses/cbpt/tuning/prompts.ts';
import type { Features } from '../../src/defenses/cbpt/tuning/tuning-step.ts';
import { openEngine } from '../../src/engine/ort-engine.ts';
import { randomFor } from '../../src/tensor/random.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../../src/tensor/safetensors.ts';
import { float32, int64, rootMeanSquare, type Tensor } from '../../src/tensor/tensor.ts';
import { warmupCosine } from '../../src/training/schedule.ts';
import { type Bench, type Figure, fasterThan, type Measured } from './figure.ts';
import { checkParity, type Turn, takeTurns } from './measure.ts';
import type { Peer } from './peer.ts';
import { type Step, stepByStep } from './step-by-step.ts';

const shotsPerClass = 16;
const warmUps = 2;

/** CoOp runs the text tower over CLIP's whole context (`trainers/coop.py`, TextEncoder). */
const coopLength = 77;

export const promptFigure: Figure = async (bench) => {
  const folder = await bench.model('vit-b-32');
  const clip = await openClip(folder);
  const peer = await bench.peer(folder);
  const engine = await openEngine({ device: 'cpu', threads: bench.threads });
  try {
    const classes = await thingNames();
    const head = await zeroShotHead(engine, clip, classes, cbptDefaults.templates);
    const features = randomFeatures(classes.length, clip.config.embedding);
    const steps = warmUps + bench.reps;
    const { tuning: whole, prompt } = cbptDefaults;
    // As large as the steps of a whole tuning.
    const size = whole.travel / whole.steps;
    const tuning = { ...whole, prompt, steps, travel: steps * size, saveEvery: 1 };
    const frame = promptFrame(clip, classes, tuning.prompt);
    const { ids, ends } = frame;
    const length = ids.shape[1]!;
    bench.say(`a step of prompt tuning, ${classes.length} classes, ${length} tokens`);

    const ours = stepByStep('tune', (recorder) =>
      tunePrompts({ engine, clip, seed: 1, recorder }, features, head, tuning),
    );
    const losses = new Map<string, number[]>([['ours', []]]);
    const turns = new Map<string, Turn>([['ours', async () => notedStep(losses.get('ours')!, await ours.next())]]);
    if (!('absent' in peer)) {
      const contexts = await startingContexts(engine, clip, frame, tuning.contexts);
      const rate = size * rootMeanSquare(contexts);
      const problem = join(bench.scratch, 'prompts.safetensors');
      await writeSafetensors(problem, { ...problemTensors(features, head), ids, ends, contexts });
      for (const [name, tokens] of [
        ['coop', coopLength],
        ['equal', length],
      ] as const) {
        const { cleanWeight, triggeredWeight, anchorWeight } = tuning;
        const weights = { clean: cleanWeight, triggered: triggeredWeight, anchor: anchorWeight };
        await peer.ask({ do: 'prompts', name, problem, length: tokens, scale: head.scale, weights });
        losses.set(name, []);
        turns.set(name, peerStep(peer, name, losses.get(name)!, steps, { ...tuning, rate }));
      }
    }
    await takeTurns(turns, warmUps);
    const times = await takeTurns(turns, bench.reps);
    const tuned = await ours.finish();

    const perClass = (name: string) => times.get(name)!.map((milliseconds) => milliseconds / classes.length);
    const row = async (name: string, title: string, atLeast: number) => {
      const what = `prompt tuning step, ${classes.length} classes, ${length} tokens`;
      const measured: Measured = { what, unit: 'ms/class', samples: perClass('ours') };
      if ('absent' in peer) return fasterThan(measured, peer, atLeast);
      checkParity(`${what}: losses`, losses.get('ours')!, losses.get(name)!, steps);
      const theirs = await tunedContexts(bench, peer, name);
      const difference = checkParity(
        `${what}: contexts`,
        tuned.contexts.data,
        theirs.data as Float32Array,
        classes.length,
      );
      const note = `after ${steps} steps both agree within ${difference.toExponential(1)}`;
      return fasterThan({ ...measured, note }, { name: title, samples: perClass(name) }, atLeast);
    };
    return [
      await row('coop', `PyTorch eager, ${coopLength} tokens (CoOp)`, 9),
      await row('equal', `PyTorch eager, ${length} tokens`, 1),
    ];
  } finally {
    await engine.close();
    if (!('absent' in peer)) await peer.close();
  }
};

/** Keeps the loss, passes the time on. */
function notedStep(losses: number[], { milliseconds, event }: Step): number {
  losses.push(Number(event.loss));
  return milliseconds;
}

function peerStep(
  peer: Peer,
  name: string,
  losses: number[],
  steps: number,
  { rate, warmup }: { readonly rate: number; readonly warmup: number },
): Turn {
  return async () => {
    const step = losses.length + 1;
    const reply = await peer.ask({ do: 'run', name, rate: warmupCosine(step, steps, rate, warmup) });
    losses.push(reply.loss ?? Number.NaN);
    return reply.milliseconds ?? Number.NaN;
  };
}

/** Shots of all classes and one triggered set, as unit vectors: what they show does not matter to the clock. */
function randomFeatures(classes: number, embedding: number): Features {
  const count = classes * shotsPerClass;
  const random = randomFor(4, 'bench', 'features');
  const rows = () => {
    const data = Float32Array.from({ length: count * embedding }, () => random.normal());
    for (let row = 0; row < count; row++) {
      const one = data.subarray(row * embedding, (row + 1) * embedding);
      const norm = Math.hypot(...one);
      for (let i = 0; i < embedding; i++) one[i]! /= norm;
    }
    return float32(data, [count, embedding]);
  };
  const labels = Int32Array.from({ length: count }, (_, shot) => Math.floor(shot / shotsPerClass));
  const clean = { features: rows(), labels };
  return { clean, triggered: [{ positions: [...labels.keys()], embeddings: rows(), target: 0 }] };
}

function problemTensors({ clean, triggered }: Features, { classes, embedding, embeddings }: Head) {
  const texts = float32(embeddings, [classes.length, embedding]);
  const { features, labels } = clean;
  return { clean: features, triggered: triggered[0]!.embeddings, labels: int64(labels, [labels.length]), texts };
}

async function tunedContexts(bench: Bench, peer: Peer, name: string): Promise<Tensor> {
  const file = join(bench.scratch, 'contexts.safetensors');
  await peer.ask({ do: 'result', name, file });
  const { tensors } = await openSafetensors(file);
  return readTensor(tensors.get('contexts')!);
}
