import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { RunEvent } from '../../runs/recorder.ts';
import { bytesTold } from './bytes-told.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

test('what is done within a second is not told', () => {
  const events: RunEvent[] = [];
  const told = bytesTold('reading weights', (event) => events.push(event));
  told(1, 2);
  vi.advanceTimersByTime(999);
  told(2, 2);
  expect(events).toEqual([]);
});

test('what takes longer is told twice a second, and its end', () => {
  const events: RunEvent[] = [];
  const told = bytesTold('reading weights', (event) => events.push(event));
  for (let done = 1; done <= 25; done++) {
    vi.advanceTimersByTime(100);
    told(done, 25);
  }
  expect(events.map(({ step }) => step)).toEqual([10, 15, 20, 25]);
  told(25, 30);
  vi.advanceTimersByTime(1);
  told(30, 30);
  expect(events.at(-1)).toEqual({ stage: 'reading weights', step: 30, steps: 30, unit: 'bytes' });
});
