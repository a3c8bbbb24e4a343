import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { RunEvent } from '../../runs/recorder.ts';
import { byteProgress } from './byte-progress.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

test('work of less than a second reports nothing', () => {
  const events: RunEvent[] = [];
  const tell = byteProgress('reading weights', (event) => events.push(event));
  tell(1, 2);
  vi.advanceTimersByTime(999);
  tell(2, 2);
  expect(events).toEqual([]);
});

test('longer work reports twice a second, and at its end', () => {
  const events: RunEvent[] = [];
  const tell = byteProgress('reading weights', (event) => events.push(event));
  for (let done = 1; done <= 25; done++) {
    vi.advanceTimersByTime(100);
    tell(done, 25);
  }
  expect(events.map(({ step }) => step)).toEqual([10, 15, 20, 25]);
  tell(25, 30);
  vi.advanceTimersByTime(1);
  tell(30, 30);
  expect(events.at(-1)).toEqual({ stage: 'reading weights', step: 30, steps: 30, unit: 'bytes' });
});
