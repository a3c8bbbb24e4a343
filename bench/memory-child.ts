/** @file A process that purifies ViT-B/32 in a few steps and tells its peak memory: `memory-child.ts FOLDER THREADS BATCH`. */
import { readFileSync } from 'node:fs';
import { openClip } from '../src/checkpoints/open.ts';
import { thingNames } from '../src/data/emoji.ts';
import type { PictureSet } from '../src/data/pictures.ts';
import { cbptDefaults, purify } from '../src/defenses/cbpt/purify.ts';
import { openEngine } from '../src/engine/ort-engine.ts';
import type { Recorder } from '../src/runs/recorder.ts';
import { randomFor } from '../src/tensor/random.ts';

const [folder = '', threads, batch] = process.argv.slice(2);

/** Enough for memory to reach its plateau: later steps repeat these. */
const steps = 3;

/** A line of /proc/self/status, in bytes. */
function resident(line: 'VmHWM' | 'VmRSS'): number {
  const kibibytes = new RegExp(`^${line}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))![1];
  return 1024 * Number(kibibytes);
}

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
const phases: Record<string, number> = { opening: resident('VmRSS') };
const recorder: Recorder = {
  record({ stage }) {
    phases[stage] = resident('VmRSS');
  },
  save: async () => {},
  restore: async () => undefined,
  signal: new AbortController().signal,
};

const engine = await openEngine({ device: 'cpu', threads: Number(threads) });
const { inversion, tuning } = cbptDefaults;
const options = {
  ...cbptDefaults,
  inversion: { ...inversion, steps, batch: Number(batch) },
  tuning: { ...tuning, steps },
};
await purify(engine, clip, shots, options, recorder);
await engine.close();
console.log(JSON.stringify({ peak: resident('VmHWM'), phases }));
