/** @file A random CLIP of a few thousand weights, a few coloured pictures, and a recorder that keeps events in memory. */
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { openClip } from '../checkpoints/open.ts';
import { writeOpenClip } from '../checkpoints/write-open-clip.ts';
import type { Clip } from '../clip/clip.ts';
import { type ClipConfig, openAiPreprocessing } from '../clip/config.ts';
import { initialParameters } from '../clip/initialise.ts';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import { plainPrompt } from '../data/classes.ts';
import type { Engine } from '../engine/engine.ts';
import { openEngine } from '../engine/ort-engine.ts';
import type { Checkpoint, Recorder, RunEvent } from '../runs/recorder.ts';
import { randomFor } from '../tensor/random.ts';
import type { Defender } from './defender.ts';
import type { DefenseTask } from './defense.ts';

const config: ClipConfig = {
  image: { kind: 'resnet', width: 4, layers: [1, 1, 1, 1], heads: 4, resolution: 32 },
  text: { width: 16, layers: 2, heads: 2, context: 40, vocabulary: 49_408, hidden: 32 },
  embedding: 12,
  activation: 'quick-gelu',
  preprocessing: openAiPreprocessing,
};

/** The random CLIP, written below `folder` and opened, with CLIP's own tokenizer. */
export async function tinyClip(folder: string): Promise<Clip> {
  const path = join(folder, 'tiny');
  await writeOpenClip(path, config, initialParameters(config, randomFor(1, 'tiny')), 'float32');
  return openClip(path);
}

/**
 * An engine and the random CLIP for the tests of one file, opened before the first and closed after the last.
 *
 * @param timeout milliseconds that opening may take
 */
export function openedTinyClip(
  folder: () => string,
  timeout?: number,
): { readonly engine: Engine; readonly clip: Clip } {
  let opened: { engine: Engine; clip: Clip };
  beforeAll(async () => {
    opened = { engine: await openEngine({ device: 'cpu', threads: 1 }), clip: await tinyClip(folder()) };
  }, timeout);
  afterAll(() => opened.engine.close());
  return {
    get engine() {
      return opened.engine;
    },
    get clip() {
      return opened.clip;
    },
  };
}

/** Four pictures each of a yellow, a red and a brown thing, in noise. */
export function colouredShots(): PictureSet {
  const classes = ['banana', 'red apple', 'dog'];
  const colours = [
    [230, 220, 40],
    [220, 30, 30],
    [120, 70, 30],
  ];
  const size = config.image.resolution;
  const labels = Int32Array.from({ length: 12 }, (_, i) => Math.floor(i / 4));
  const length = 3 * size * size;
  return {
    name: 'coloured',
    classes,
    labels,
    size,
    hash: '0'.repeat(64),
    async read(positions) {
      const data = new Uint8Array(positions.length * length);
      positions.forEach((position, i) => {
        const random = randomFor(position, 'coloured');
        for (let at = 0; at < length; at++) {
          const level = colours[labels[position]!]![Math.floor(at / (size * size))]!;
          data[i * length + at] = Math.min(255, Math.max(0, level + 60 * (random.uniform() - 0.5)));
        }
      });
      return { dtype: 'uint8', shape: [positions.length, 3, size, size], data };
    },
  };
}

/** The task of a defense, with the prompt of CLIP's paper. */
export function tinyTask(given: Omit<Defender, 'seed'>, seed = 1): DefenseTask {
  return { ...given, templates: [plainPrompt], prompt: plainPrompt, seed };
}

/** A recorder that keeps events and checkpoints in memory, and stops after a step of a stage. */
export function keeping(saved: Map<string, Checkpoint> = new Map(), stopAfter?: { stage: string; step: number }) {
  const controller = new AbortController();
  const events: RunEvent[] = [];
  const recorder: Recorder = {
    record(event) {
      events.push(event);
      if (event.stage === stopAfter?.stage && event.step === stopAfter.step) controller.abort(new Error('stopped'));
    },
    async save(stage, checkpoint) {
      saved.set(stage, structuredClone(checkpoint));
    },
    restore: async (stage) => saved.get(stage),
    signal: controller.signal,
  };
  return { recorder, events, saved };
}
