/** @file A run to be killed: counts with a running hash, so that a step left out or done twice shows in the result. */
import { createRun, openRun, recorderFor } from '../../src/runs/run.ts';
import { float32 } from '../../src/tensor/tensor.ts';

const [directory, verb] = process.argv.slice(2) as [string, 'create' | 'resume'];
const steps = 60;
const run =
  verb === 'resume'
    ? await openRun(directory)
    : await createRun(directory, { command: 'count', options: { steps }, device: 'cpu', threads: 1 });
process.stdout.write('begun\n');

const recorder = recorderFor(run, new AbortController().signal);
const earlier = await recorder.restore('count');
let value = (earlier?.tensors.value?.data[0] as number | undefined) ?? 1;
for (let step = (earlier?.step ?? 0) + 1; step <= steps; step++) {
  value = Math.fround(Math.fround(value * 1.7 + step) % 1000);
  recorder.record({ stage: 'count', step, steps, value });
  if (step % 7 === 0) await recorder.save('count', { step, tensors: { value: float32([value], [1]) } });
  await new Promise((resolve) => setTimeout(resolve, 5));
}
await run.finish({ value });
await run.close();
