import { expect, test, vi } from 'vitest';
import { loadParameters } from '../clip/load.ts';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { type ActivationTuningOptions, activationTuning, criticalStages, largerOfTwo } from './activation-tuning.ts';
import { colouredShots, keeping, openedTinyClip, tinyTask } from './tiny-clip.test-support.ts';

const folder = temporaryFolder();
const tiny = openedTinyClip(folder, 300_000);

/** Two graphs of inversion and two of tuning are compiled: seconds each, more on a busy machine. */
vi.setConfig({ testTimeout: 300_000 });

const { defaults } = activationTuning;
const short: ActivationTuningOptions = {
  ...defaults,
  inversion: { ...defaults.inversion, steps: 2, batch: 4, patchBatch: 4 },
  forms: ['sparse'],
  steps: 12,
  batch: 6,
  rate: 3e-3,
  saveEvery: 4,
};

async function tuned(recorder = keeping().recorder) {
  const task = tinyTask({ engine: tiny.engine, clip: tiny.clip, shots: colouredShots(), recorder });
  const cure = await activationTuning.run(task, short);
  if (cure.kind !== 'model') throw new Error('activation tuning gives a model');
  return cure.parameters;
}

test('activations return to those of clean pictures, and only the image encoder has changed', async () => {
  const { recorder, events } = keeping();
  const before = await loadParameters(tiny.clip.parameters);
  const after = await tuned(recorder);
  const aligned = events.filter(({ alignment }) => alignment !== undefined).map(({ alignment }) => Number(alignment));
  expect(aligned).toHaveLength(12);
  expect(aligned.at(-1)!).toBeLessThan(0.7 * aligned[0]!);
  for (const [name, { data }] of Object.entries(before)) {
    const tunes = name.startsWith('visual.') && !name.includes('.running_') && !name.includes('k_proj.bias');
    if (tunes) expect(after[name]!.data, name).not.toEqual(data);
    if (!name.startsWith('visual.') || name.includes('.running_')) expect(after[name]!.data, name).toEqual(data);
  }
});

test.each([[[]], [['elsewhere'] as const]])('forms that find nothing by themselves are refused: %j', async (forms) => {
  const task = tinyTask({ engine: tiny.engine, clip: tiny.clip, shots: colouredShots(), recorder: keeping().recorder });
  await expect(activationTuning.run(task, { ...short, forms })).rejects.toThrow(
    /forms: found (none|elsewhere), expected at least one form of dummy trigger that is sought for itself/,
  );
});

test('a tuning that was stopped and resumed gives the same weights, byte for byte', async () => {
  const whole = await tuned();
  const first = keeping(new Map(), { stage: 'activation-tuning', step: 6 });
  await expect(tuned(first.recorder)).rejects.toThrow('stopped');
  expect(await tuned(keeping(first.saved).recorder)).toEqual(whole);
});

test('the stages that change most relative to their own level are tuned, each with the neurons that stand out', () => {
  const stage = (level: number, ...channels: number[]) => ({ level, channels: Float32Array.from(channels) });
  const changes = [stage(10, 1, 1, 1), stage(1, 0.1, 0.9, 0.1), stage(2, 5, 0, 6), stage(0, 0, 0, 0)];
  expect(criticalStages(changes, 2)).toEqual([
    { stage: 2, critical: [true, false, true] },
    { stage: 1, critical: [false, true, false] },
  ]);
});

test('two-means finds the best cut of a line, and takes all values where they are equal', () => {
  const cases: readonly [number[], boolean[]][] = [
    [
      [1, 1.1, 0.9, 5, 5.2],
      [false, false, false, true, true],
    ],
    [
      [9, 0, 0, 0],
      [true, false, false, false],
    ],
    [
      [2, 2, 2],
      [true, true, true],
    ],
    [
      [0, 10, 11, 12],
      [false, true, true, true],
    ],
  ];
  for (const [values, larger] of cases) expect(largerOfTwo(Float32Array.from(values))).toEqual(larger);
});
