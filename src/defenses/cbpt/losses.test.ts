import { expect, test } from 'vitest';
import { openEngine } from '../../engine/ort-engine.ts';
import { input } from '../../graph/leaves.ts';
import type { Value } from '../../graph/value.ts';
import { randomFor } from '../../tensor/random.ts';
import { float32, int64 } from '../../tensor/tensor.ts';
import { classLoss } from '../class-loss.ts';
import { anchor, collapse, farthestText, type InversionBatch, towardsTeam } from './losses.ts';

const [count, classes, size, scale] = [5, 4, 6, 20];
const labels = [0, 1, 1, 3, 2];
const farthest = [2, 2, 0, 1, 3];

function unitRows(rows: number, name: string): number[][] {
  const random = randomFor(11, name);
  return Array.from({ length: rows }, () => {
    const row = Array.from({ length: size }, () => random.normal());
    return row.map((x) => x / Math.hypot(...row));
  });
}

const triggered = unitRows(count, 'triggered');
const clean = unitRows(count, 'clean');
const texts = unitRows(classes, 'texts');

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((total, x, i) => total + x * b[i]!, 0);
const mean = (values: readonly number[]) => values.reduce((total, x) => total + x, 0) / values.length;
const logSumExp = (values: readonly number[]) => Math.log(values.reduce((total, x) => total + Math.exp(x), 0));
const negativeLogLikelihood = (row: readonly number[], label: number) =>
  logSumExp(texts.map((text) => scale * dot(row, text))) - scale * dot(row, texts[label]!);

const probability = (row: readonly number[], label: number) => Math.exp(-negativeLogLikelihood(row, label));
/** Share of the triggered batch that goes elsewhere than to a class. */
const elsewhere = (label: number) => 1 - mean(triggered.map((row) => probability(row, label)));

async function computed(build: (batch: InversionBatch) => Value): Promise<number> {
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const batch: InversionBatch = {
    triggered: input('triggered', [count, size]),
    clean: input('clean', [count, size]),
    texts: input('texts', [classes, size]),
    labels: input('labels', [count], 'int64'),
    farthest: input('farthest', [count], 'int64'),
    scale,
  };
  const feeds = {
    triggered: float32(triggered.flat(), [count, size]),
    clean: float32(clean.flat(), [count, size]),
    texts: float32(texts.flat(), [classes, size]),
    labels: int64(labels, [count]),
    farthest: int64(farthest, [count]),
  };
  const loss = build(batch);
  const program = await engine.compile({ outputs: { loss } });
  // Only feeds that the loss reads are inputs of the program.
  const read = Object.entries(feeds).filter(([name]) => reads(loss, name));
  const { loss: result } = await program.run(Object.fromEntries(read));
  await engine.close();
  return Number(result!.data[0]);
}

function reads(value: Value, name: string, seen = new Set<unknown>()): boolean {
  const { operation } = value;
  if (seen.has(operation)) return false;
  seen.add(operation);
  if (operation.kind === 'input') return operation.attributes.name === name;
  return operation.inputs.some((part) => reads(part, name, seen));
}

test('V1 is the log of the own-text share, less alpha times the squared distance moved', async () => {
  const [temperature, alpha] = [0.1, 0.3];
  const similarity = (to: readonly number[]) =>
    mean(triggered.map((row, i) => Math.exp(dot(row, texts[to[i]!]!) / temperature)));
  const [away, towards] = [similarity(labels), similarity(farthest)];
  const moved = mean(triggered.map((row, i) => row.reduce((total, x, k) => total + (x - clean[i]![k]!) ** 2, 0)));
  const expected = Math.log(away / (away + towards)) - alpha * moved;
  expect(await computed((batch) => farthestText(batch, temperature, alpha))).toBeCloseTo(expected, 4);
});

test('V2 contrasts the other triggered pictures with clean pictures and the own text', async () => {
  const temperature = 0.2;
  const expected = mean(
    triggered.map((row, i) => {
      const others = triggered.filter((_, j) => j !== i).map((other) => dot(row, other) / temperature);
      const negatives = clean.map((other) => dot(row, other) / temperature);
      const own = dot(row, texts[labels[i]!]!) / temperature;
      const contrast = logSumExp([...others, ...negatives, own]) - logSumExp(others);
      return contrast - elsewhere(labels[i]!) * Math.log(1 + 1e-6 - probability(row, labels[i]!));
    }),
  );
  expect(await computed((batch) => collapse(batch, temperature))).toBeCloseTo(expected, 3);
});

test('V2 treats avoided classes like the own one: their texts are negatives, their probability is penalised', async () => {
  const temperature = 0.2;
  const avoided = [0, 2];
  const expected = mean(
    triggered.map((row, i) => {
      const similar = (other: readonly number[]) => dot(row, other) / temperature;
      const others = triggered.filter((_, j) => j !== i).map(similar);
      // An own class that is also avoided counts once.
      const unwanted = [...new Set([labels[i]!, ...avoided])];
      const negatives = [...clean, ...unwanted.map((label) => texts[label]!)].map(similar);
      const contrast = logSumExp([...others, ...negatives]) - logSumExp(others);
      const total = unwanted.reduce((sum, label) => sum + probability(row, label), 0);
      const weight = avoided.includes(labels[i]!) ? 1 : elsewhere(labels[i]!);
      return contrast - weight * Math.log(Math.max(1e-6, 1 + 1e-6 - total));
    }),
  );
  expect(await computed((batch) => collapse({ ...batch, avoided }, temperature))).toBeCloseTo(expected, 3);
});

test('V3 is minus the log of the probability of any class of the team, for each trigger and picture', async () => {
  const teams = [
    [0, 1],
    [3, 2],
  ];
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const missed = towardsTeam({
    triggered: input('triggered', [2, 2, size]),
    texts: input('texts', [classes, size]),
    teams: input('teams', [2, 2, size]),
    scale,
  });
  const program = await engine.compile({ outputs: { missed } });
  const result = await program.run({
    triggered: float32(triggered.slice(0, 4).flat(), [2, 2, size]),
    texts: float32(texts.flat(), [classes, size]),
    teams: float32(
      teams.flatMap((team) => team.flatMap((label) => texts[label]!)),
      [2, 2, size],
    ),
  });
  await engine.close();
  const expected = triggered.slice(0, 4).map((row, i) => {
    const probabilities = teams[Math.floor(i / 2)]!.map((label) => Math.exp(-negativeLogLikelihood(row, label)));
    return -Math.log(probabilities[0]! + probabilities[1]!);
  });
  expect(result.missed!.shape).toEqual([2, 2]);
  for (const [i, value] of expected.entries()) expect(result.missed!.data[i]).toBeCloseTo(value, 4);
});

test('the class loss is the mean cross-entropy of scaled cosines', async () => {
  const expected = mean(clean.map((row, i) => negativeLogLikelihood(row, labels[i]!)));
  const found = await computed(({ clean, texts, labels }) => classLoss({ embeddings: clean, texts, labels, scale }));
  expect(found).toBeCloseTo(expected, 4);
});

test('the anchor is one minus the mean cosine of corresponding rows', async () => {
  const expected = 1 - mean(triggered.map((row, i) => dot(row, clean[i]!)));
  expect(await computed((batch) => anchor(batch.triggered, batch.clean))).toBeCloseTo(expected, 5);
});

test('a margin raises the logit of the class to beat', async () => {
  const [target, margin] = [1, 1.5];
  const found = await computed(({ triggered, texts, labels }) =>
    classLoss({ embeddings: triggered, texts, labels, scale }, { against: target, margin }),
  );
  const expected = triggered.map((row, i) => {
    const logits = texts.map((text, label) => scale * dot(row, text) + (label === target ? margin : 0));
    return logSumExp(logits) - logits[labels[i]!]!;
  });
  expect(found).toBeCloseTo(mean(expected), 4);
});
