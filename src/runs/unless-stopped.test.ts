import { expect, test } from 'vitest';
import { unlessStopped } from './unless-stopped.ts';

const endless = new Promise<never>(() => {});
const enough = new Error('enough');

test('work that is not stopped resolves or rejects as usual', async () => {
  const { signal } = new AbortController();
  expect(await unlessStopped(Promise.resolve(1), signal)).toBe(1);
  await expect(unlessStopped(Promise.reject(enough), signal)).rejects.toBe(enough);
});

test('endless work rejects with the reason of the abort, whether the abort comes before or after the call', async () => {
  const stop = new AbortController();
  const waiting = unlessStopped(endless, stop.signal);
  stop.abort(enough);
  await expect(waiting).rejects.toBe(enough);
  await expect(unlessStopped(endless, stop.signal)).rejects.toBe(enough);
});
