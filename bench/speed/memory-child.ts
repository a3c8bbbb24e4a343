/** @file A process that purifies ViT-B/32 in a few steps and tells its peak memory: `memory-child.ts FOLDER THREADS BATCH`. */
import { openClip } from '../../src/checkpoints/open.ts';
import type { PictureSet } from '../../src/clip/pictures/pictures.ts';
import { thingNames } from '../../src/data/emoji/emoji.ts';
import { cbptDefaults, purify } from '../../src/defenses/cbpt/purify.ts';
import { openEngine } from '../../src/engine/ort-engine.ts';
import type { Recorder } from '../../src/runs/recorder.ts';
import { peakBytes } from '../../src/sweep/peak-memory.ts';
import { randomFor } from '../../src/tensor/random.ts';

const [folder = '', threads, batch] = process.argv.slice(2);

/** Enough for memory to reach its plateau: later steps repeat these. */
const steps = 3;

const clip = await openClip(folder);
const classes = await thingNames();
const size = clip.config.image.resolution;
const shots: PictureSet = {
  name: 'noise',
  classes,
  labels: Int32Array.from(classes.keys()),
  size,
  hash: '',
  async read(positions) {
    const random = randomFor(5, 'bench', 'noise');
    const data = Uint8Array.from({ length: positions.length * 3 * size * size }, () => random.integer(256));
    return { dtype: 'uint8', shape: [positions.length, 3, size, size], data };
  },
};

/** Resident memory when the first event of the next stage came, by the stage before it. */
const phases: Record<string, number> = { opening: process.memoryUsage.rss() };
const recorder: Recorder = {
  record({ stage }) {
    phases[stage] = process.memoryUsage.rss();
  },
  save: async () => {},
  restore: async () => undefined,
  signal: new AbortController().signal,
};

const engine = await openEngine({ device: 'cpu', threads: Number(threads) });
const { inversion, tuning } = cbptDefaults;
const options = {
  ...cbptDefaults,
  inversion: { ...inversion, steps, batch: Number(batch), patchBatch: Number(batch) },
  tuning: { ...tuning, steps },
};
await purify(engine, clip, shots, options, recorder);
await engine.close();
console.log(JSON.stringify({ peak: await peakBytes(), phases }));
