/** @file How a classifier keeps its image encoder between calls: compiled once, released once, never stuck on a failure. */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Engine } from '../engine/engine.ts';
import { openEngine } from '../engine/ort-engine.ts';
import { openClassifier } from './run-classifier.ts';

const path = (name: string) => fileURLToPath(new URL(`../../test/fixtures/${name}`, import.meta.url));
const model = path('clip/hugging-face-quick-gelu');
const pictures = ['rgb.png', 'rgb.jpg', 'gray.png'].map((name) => path(`preprocess/images/${name}`));

let engine: Engine;
beforeAll(async () => {
  engine = await openEngine({ device: 'cpu', threads: 1 });
});
afterAll(() => engine.close());

/** A classifier on an engine that counts the programs that are held, by the number of their pictures. */
async function watched() {
  const held = new Map<number, number>();
  const failing = new Set<number>();
  const watching: Engine = {
    ...engine,
    async compile(graph) {
      const program = await engine.compile(graph);
      const { embeddings } = graph.outputs;
      const batch = embeddings?.shape[0] ?? 0;
      if (failing.has(batch)) {
        await program.release();
        throw new Error(`no room for ${batch}`);
      }
      const count = (by: number) => held.set(batch, (held.get(batch) ?? 0) + by);
      count(1);
      const release = async () => {
        count(-1);
        await program.release();
      };
      return { ...program, release };
    },
  };
  const classes = async () => ({ name: 'two', names: ['dog', 'cat'], templates: ['a {}.'], prompt: 'a {}.' });
  const classifier = await openClassifier(watching, model, classes);
  const heldNow = () =>
    Object.fromEntries([...held].filter(([batch, count]) => batch <= pictures.length && count !== 0));
  return { classifier, failing, heldNow };
}

test('the encoder of the last number of pictures is kept, one for calls at once too, and released by close', async () => {
  const { classifier, heldNow } = await watched();
  await Promise.all([classifier.classify(pictures.slice(0, 1)), classifier.classify(pictures.slice(1, 2))]);
  expect(heldNow()).toEqual({ 1: 1 });
  await classifier.classify(pictures.slice(0, 1));
  expect(heldNow()).toEqual({ 1: 1 });
  await classifier.classify(pictures);
  expect(heldNow()).toEqual({ 3: 1 });
  await classifier.classify([]);
  expect(heldNow()).toEqual({ 3: 1 });
  await classifier.close();
  expect(heldNow()).toEqual({});
  await classifier.close();
  expect(heldNow()).toEqual({});
});

test('a call that fails leaves the next ones and close alone', async () => {
  const { classifier, failing, heldNow } = await watched();
  failing.add(1).add(3);
  await expect(classifier.classify(pictures.slice(0, 1))).rejects.toThrow('no room for 1');
  expect((await classifier.classify(pictures.slice(0, 2), 1)).map(({ predictions }) => predictions.length)).toEqual([
    1, 1,
  ]);
  await expect(classifier.classify(pictures)).rejects.toThrow('no room for 3');
  failing.clear();
  expect(await classifier.classify(pictures.slice(0, 1))).toHaveLength(1);
  expect(heldNow()).toEqual({ 1: 1 });
  await classifier.close();
  expect(heldNow()).toEqual({});
});
