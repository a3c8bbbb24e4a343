import { expect, test } from 'vitest';
import { unlessStopped } from './unless-stopped.ts';

const endless = new Promise<never>(() => {});
const enough = new Error('enough');

test('work that is not stopped comes to its own end, whatever that is', async () => {
  const { signal } = new AbortController();
  expect(await unlessStopped(Promise.resolve(1), signal)).toBe(1);
  await expect(unlessStopped(Promise.reject(enough), signal)).rejects.toBe(enough);
});

test('nobody waits for work without end, before and after the wish to stop', async () => {
  const stop = new AbortController();
  const left = unlessStopped(endless, stop.signal);
  stop.abort(enough);
  await expect(left).rejects.toBe(enough);
  await expect(unlessStopped(endless, stop.signal)).rejects.toBe(enough);
});
