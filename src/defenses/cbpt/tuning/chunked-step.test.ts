import { expect, test } from 'vitest';
import { openClip } from '../../../checkpoints/open.ts';
import { zeroShotHead } from '../../../clip/zero-shot.ts';
import type { Program } from '../../../engine/engine.ts';
import { openEngine } from '../../../engine/ort-engine.ts';
import { memoryOf } from '../../../graph/costs.ts';
import { randomFor } from '../../../tensor/random.ts';
import { float32, int64, type Tensor } from '../../../tensor/tensor.ts';
import { adamFeeds, adamStart } from '../../../training/adam.ts';
import { scalar } from '../../../training/optimise.ts';
import { chunkedStep } from './chunked-step.ts';
import { promptFrame, startingContexts } from './frame.ts';
import { type TuningStep, wholeStep } from './tuning-step.ts';

const classes = ['cat', 'eyes', 'person in suit levitating', 'dog', 'two humps camel', 'person swimming', 'sun'];
const batch = 9;

test.each(['class-wise', 'shared'] as const)('%s contexts move in chunks as with all classes at once', async (kind) => {
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const clip = await openClip('emoji-clip');
  const handWritten = await zeroShotHead(engine, clip, classes, ['a photo of a {}.']);
  const frame = promptFrame(clip, classes, 'a photo of a {}.');
  const start = await startingContexts(engine, clip, frame, kind);
  const weights = { cleanWeight: 1, triggeredWeight: 0.5, anchorWeight: 2, margin: 1.5 };
  const triggered = [batch, 4].map((rows, target) => ({ rows, target }));
  const step: TuningStep = { clip, frame, contexts: start.shape, handWritten, batch, triggered, weights };
  // Several chunks in each group of lengths, the last one not full.
  const room = (2.5 * memoryOf(wholeStep(step))) / classes.length;

  const whole = await threeSteps(await engine.compile(wholeStep(step)), start, handWritten.embedding);
  const chunked = await threeSteps(await chunkedStep(engine, step, room), start, handWritten.embedding);
  await engine.close();

  expect(whole.losses[2]).toBeLessThan(whole.losses[0]!);
  chunked.losses.forEach((loss, i) => {
    expect(loss).toBeCloseTo(whole.losses[i]!, 5);
  });
  const moved = ({ data }: Tensor<'float32'>) => Array.from(data, (x, i) => x - start.data[i]!);
  const [expected, found] = [moved(whole.contexts), moved(chunked.contexts)];
  const norm = (values: readonly number[]) => Math.hypot(...values);
  expect(norm(expected)).toBeGreaterThan(0);
  expect(norm(found.map((x, i) => x - expected[i]!))).toBeLessThan(1e-3 * norm(expected));
});

async function threeSteps(program: Program, start: Tensor<'float32'>, embedding: number) {
  const random = randomFor(5, 'shots');
  const rows = (count: number) => {
    const unit = Array.from({ length: count }, () => {
      const row = Array.from({ length: embedding }, () => random.normal());
      const norm = Math.hypot(...row);
      return row.map((x) => x / norm);
    });
    return float32(unit.flat(), [count, embedding]);
  };
  const labels = (count: number) =>
    int64(
      Array.from({ length: count }, (_, i) => i % classes.length),
      [count],
    );
  const shots = {
    clean: rows(batch),
    'clean.labels': labels(batch),
    'triggered.0': rows(batch),
    'triggered.0.labels': labels(batch),
    'triggered.1': rows(4),
    'triggered.1.labels': labels(4),
  };
  await program.writeState(adamStart({ contexts: start }));
  const losses: number[] = [];
  for (let number = 1; number <= 3; number++) {
    const { loss } = await program.run({ ...shots, ...adamFeeds(number, 2e-3) });
    losses.push(scalar(loss));
  }
  const { contexts } = await program.readState();
  await program.release();
  return { losses, contexts: contexts as Tensor<'float32'> };
}
