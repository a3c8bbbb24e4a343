import { expect, test } from 'vitest';
import type { RunEvent } from '../runs/recorder.ts';
import { duration, progressLine, type Rate } from './progress-line.ts';
import { createTerminal, shown } from './terminal.ts';

/** A terminal with a clock that the test moves, and its output. */
function watched({ interactive = false, quiet = false, columns = 80 } = {}) {
  const written: string[] = [];
  let time = 0;
  let ticks: (() => void) | undefined;
  const terminal = createTerminal({
    write: (text) => written.push(text),
    interactive,
    quiet,
    columns: () => columns,
    now: () => time,
    every(_, tick) {
      ticks = tick;
      return () => {
        ticks = undefined;
      };
    },
  });
  return {
    terminal,
    written,
    /** Moves the clock; every quarter of a second it ticks. */
    wait(milliseconds: number) {
      for (const end = time + milliseconds; time < end; ) {
        time++;
        if (time % 250 === 0) ticks?.();
      }
    },
    isTicking: () => ticks !== undefined,
  };
}

test('off a terminal, progress is a line every five seconds and one at the end', () => {
  const { terminal, written, wait } = watched();
  for (let step = 1; step <= 100; step++) {
    wait(100);
    terminal.progress({ stage: 'tuning', step, steps: 100, loss: 1 / step });
  }
  expect(written).toEqual([
    'tuning  1/100  1%  loss 1\n',
    'tuning  51/100  51%  0:05 left  10.0/s  loss 0.01961\n',
    'tuning  100/100  100%  10.0/s  0:10  loss 0.01000\n',
  ]);
});

test('on a terminal one line is redrawn in place, ten times a second at most', () => {
  const { terminal, written, wait } = watched({ interactive: true });
  for (let step = 1; step <= 1000; step++) {
    wait(1);
    terminal.progress({ stage: 'tuning', step, steps: 1001 });
  }
  expect(written.length).toBeLessThanOrEqual(12);
  expect(written.every((text) => text.startsWith('\r\x1b[K') && !text.includes('\n'))).toBe(true);
});

test('during a step that takes long the line keeps moving, and the time left shrinks', () => {
  const { terminal, written, wait } = watched({ interactive: true });
  for (let step = 1; step <= 3; step++) {
    wait(1000);
    terminal.progress({ stage: 'tuning', step, steps: 30 });
  }
  const before = written.length;
  wait(2000);
  expect(written.length).toBeGreaterThanOrEqual(before + 7);
  expect(written[before - 1]).toMatch(/0:27 left {2}1\.00\/s$/);
  expect(written.at(-1)).toMatch(/0:25 left {2}1\.00\/s$/);
});

test('work without steps shows the time it has taken', () => {
  const { terminal, written, wait } = watched({ interactive: true });
  terminal.activity('opening the model');
  wait(3000);
  expect(written.at(-1)).toMatch(/opening the model {2}0:03$/);
  terminal.settle();
  expect(written.at(-1)).toBe('\r\x1b[Kopening the model  0:03\n');
});

test('nothing is drawn while no work is shown', () => {
  const { terminal, written, wait, isTicking } = watched({ interactive: true });
  terminal.progress({ stage: 'a', step: 1, steps: 2 });
  terminal.progress({ stage: 'a', step: 2, steps: 2 });
  expect(isTicking()).toBe(false);
  const before = written.length;
  wait(1000);
  terminal.settle();
  expect(written.length).toBe(before);
});

test('a new stage ends the line of the one before, and a note goes above the line that is redrawn', () => {
  const { terminal, written } = watched({ interactive: true });
  terminal.progress({ stage: 'a', step: 1, steps: 9 });
  terminal.note('a remark');
  terminal.progress({ stage: 'b', step: 1, steps: 9 });
  const lines = written
    .join('')
    .split('\n')
    .map((text) => text.split('\x1b[K').at(-1));
  expect(lines).toEqual(['a remark', 'a  1/9  11%', '| b  1/9  11%']);
});

test('a narrow terminal cuts the line instead of wrapping it: first the measures, then the words of the stage', () => {
  const { terminal, written, wait } = watched({ interactive: true, columns: 40 });
  for (let step = 1; step <= 2; step++) {
    wait(1000);
    terminal.progress({ stage: 'invert-patch', step, steps: 90, loss: 0.25 });
  }
  wait(500);
  expect(written.at(-1)).toBe('\r\x1b[K- looking for a...  2/90  2%  1:28 left');
  const { terminal: tiny, written: cut } = watched({ interactive: true, columns: 12 });
  tiny.progress({ stage: 'a stage with a long name', step: 1, steps: 9 });
  expect(cut[0]).toBe('\r\x1b[K| a sta... ');
});

test('stages and findings of inversion show in words', () => {
  const line = (event: RunEvent) => progressLine(event, [], undefined, 0);
  expect(line({ stage: 'invert-waves-result', leftOut: 'a trigger is found already' })).toBe(
    'looking for a faint wave over the whole picture, one of sixteen: result  left out: a trigger is found already',
  );
  const found = { concentration: 0.999, dominant: 'banana', size: 0.03, shares: ['banana 99.9 %'] };
  expect(line({ stage: 'invert-sparse-result', ...found })).toBe(
    'looking for a pattern in a fixed place: result  sends 99.9 % of the pictures of other classes to "banana"  size 0.03000',
  );
});

test('with quiet nothing is written', () => {
  const { terminal, written, isTicking } = watched({ interactive: true, quiet: true });
  terminal.note('a');
  terminal.activity('b');
  terminal.progress({ stage: 'c', step: 1, steps: 2 });
  terminal.progress({ stage: 'd' });
  terminal.settle();
  expect({ written, ticking: isTicking() }).toEqual({ written: [], ticking: false });
});

test('slow steps show as seconds each, long times in hours, lists not at all', () => {
  const rate: [number, number][] = [
    [0, 1],
    [8000, 2],
  ];
  const event = { stage: 'train', step: 2, steps: 1000, classes: ['a', 'b'], note: 'x', none: null };
  expect(progressLine(event, rate, 8000, 8000)).toBe('train  2/1000  0%  2:13:04 left  8.00 s each  note x');
  expect([7, 750, 3723].map(duration)).toEqual(['0:07', '12:30', '1:02:03']);
});

test('a rate of thousands shows in full, a small one with three digits', () => {
  const rate = (perSecond: number) =>
    progressLine(
      { stage: 'train', step: 5, steps: 5 },
      [
        [0, 0],
        [1000, perSecond],
      ],
      undefined,
      0,
    );
  expect(rate(2842.4)).toBe('train  5/5  100%  2842/s');
  expect(rate(999.6)).toBe('train  5/5  100%  1000/s');
  expect(rate(99.96)).toBe('train  5/5  100%  100/s');
  expect(progressLine({ stage: 'x', loss: 12_345.67, size: 0.01234567 }, [], undefined, 0)).toBe(
    'x  loss 12346  size 0.01235',
  );
});

test('bytes show in units of 1000: how many, of how many, how fast, and the time left', () => {
  const event = { stage: 'download', step: 12_345_678, steps: 605_000_000, unit: 'bytes' } as const;
  const rate: Rate = [
    [0, 0],
    [1500, 12_345_678],
  ];
  expect(progressLine(event, rate, 1500, 1500)).toBe('download  12.3 MB/605 MB  2%  1:12 left  8.23 MB/s');
  const told = (step: number, steps: number) => progressLine({ ...event, step, steps }, [], 0, 0);
  expect(told(0, 0)).toBe('download  0.00 KB/0.00 KB  100%');
  expect(told(999, 999_499)).toBe('download  0.999 KB/999 KB  0%');
  expect(told(999_500, 1.7e12)).toBe('download  1.00 MB/1.70 TB  0%');
});

test('work that fails leaves a complete line', async () => {
  const { terminal, written } = watched({ interactive: true });
  const opening = shown(terminal, async (report) => {
    report({ stage: 'download', step: 1e6, steps: 2e6, unit: 'bytes' });
    throw new Error('broken');
  });
  await expect(opening).rejects.toThrow('broken');
  expect(written.at(-1)).toBe('\r\x1b[Kdownload  1.00 MB/2.00 MB  50%\n');
});
