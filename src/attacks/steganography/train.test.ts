/** @file Promises of the hidden message's training: the trained graph equals the trigger, and training can be resumed. */
import { expect, test } from 'vitest';
import type { Pictures } from '../../clip/pictures/pictures.ts';
import { openEngine } from '../../engine/ort-engine.ts';
import { input } from '../../graph/leaves.ts';
import { type Checkpoint, type Recorder, type RunEvent, unrecorded } from '../../runs/recorder.ts';
import { randomFor } from '../../tensor/random.ts';
import { float32, type Tensor } from '../../tensor/tensor.ts';
import { applyTrigger } from '../../triggers/apply.ts';
import { parameterShapes, residual, startingParameters } from './networks.ts';
import { type SteganographyOptions, trainSteganography } from './train.ts';

const size = 16;
const options: SteganographyOptions = {
  bits: 6,
  planes: 2,
  cells: 4,
  channels: 8,
  readers: 8,
  bound: 32 / 255,
  steps: 12,
  batch: 8,
  rate: 1e-2,
  warmup: 1,
  distortion: 0.1,
  sameness: 0.3,
  quiet: [40, 80],
  saveEvery: 5,
};

/** Blurred blots: pictures with lively and with flat parts. */
function blots(step: number): Pictures {
  const random = randomFor(step, 'blots');
  const data = new Uint8Array(options.batch * 3 * size * size);
  for (let i = 0; i < options.batch; i++) {
    const [x, y, level] = [random.integer(size), random.integer(size), 60 + random.integer(120)];
    for (let at = 0; at < 3 * size * size; at++) {
      const near = Math.exp(-(((at % size) - x) ** 2 + ((Math.floor(at / size) % size) - y) ** 2) / 20);
      data[i * 3 * size * size + at] = level + 60 * near + random.integer(4);
    }
  }
  return { dtype: 'uint8', shape: [options.batch, 3, size, size], data };
}

const training = (seed: number) => ({ ...options, size, pictures: blots, seed });

test('the trained graph and the plain loops of the trigger give the same bytes', async () => {
  const architecture = { ...options, size };
  const parameters = startingParameters(architecture, randomFor(4, 'start'));
  const message = '101100';
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const values = new Map(
    Object.entries(parameterShapes(architecture)).map(([name, shape]) => [name, input(name, shape)]),
  );
  const change = residual(
    architecture,
    (name) => values.get(name)!,
    input('pixels', [options.batch, 3, size, size]),
    input('message', [options.batch, options.bits]),
  );
  const program = await engine.compile({ outputs: { change } });
  const pictures = blots(1);
  const signs = Array.from({ length: options.batch }, () => [...message].map((bit) => 2 * Number(bit) - 1)).flat();
  const encoder = Object.entries(parameters).filter(([name]) => !name.startsWith('reader.'));
  const result = await program.run({
    ...Object.fromEntries(encoder),
    pixels: float32(
      Float32Array.from(pictures.data, (byte) => byte / 255),
      pictures.shape,
    ),
    message: float32(signs, [options.batch, options.bits]),
  });
  await engine.close();
  const { spread, first, firstBias, second, secondBias, last, lastBias } = parameters as Record<
    string,
    Tensor<'float32'>
  >;
  const trigger = {
    kind: 'hidden-message' as const,
    message,
    size,
    bound: options.bound,
    spread: spread!,
    first: first!,
    firstBias: firstBias!,
    second: second!,
    secondBias: secondBias!,
    last: last!,
    lastBias: lastBias!,
  };
  const { data } = applyTrigger(trigger, pictures, randomFor(1));
  const change32 = result.change!.data as Float32Array;
  const clamped = (value: number) => Math.min(255, Math.max(0, value));
  const apart = Array.from(data, (byte, i) => Math.abs(byte - clamped(pictures.data[i]! + 255 * change32[i]!)));
  expect(Math.max(...apart)).toBeLessThanOrEqual(0.501);
  expect(Math.max(...change32.map(Math.abs))).toBeGreaterThan(0.1);
});

test('after 120 steps more than 85 % of the bits are read, within the bound', async () => {
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const events: RunEvent[] = [];
  const recorder = unrecorded((event) => events.push(event));
  await trainSteganography(engine, { ...training(1), steps: 120 }, recorder);
  await engine.close();
  const read = (part: RunEvent[]) => part.reduce((total, event) => total + Number(event.read), 0) / part.length;
  expect(read(events.slice(0, 10))).toBeLessThan(0.65);
  expect(read(events.slice(-10))).toBeGreaterThan(0.85);
  const { levels } = events.at(-1)!;
  expect(Number(levels)).toBeLessThanOrEqual(255 * options.bound);
});

test('a training that is stopped and resumed ends with the same trigger, bit for bit', async () => {
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const whole = await trainSteganography(engine, training(3), unrecorded());
  const stop = new AbortController();
  let kept: Checkpoint | undefined;
  const recorder: Recorder = {
    record: ({ step }) => {
      if (step === 7) stop.abort(new Error('stopped'));
    },
    save: async (_stage, checkpoint) => {
      kept = checkpoint;
    },
    restore: async () => kept,
    signal: stop.signal,
  };
  await expect(trainSteganography(engine, training(3), recorder)).rejects.toThrow('stopped');
  expect(kept?.step).toBe(7);
  const goingOn = { ...recorder, record: () => {}, signal: new AbortController().signal };
  expect(await trainSteganography(engine, training(3), goingOn)).toEqual(whole);
  await engine.close();
});
