/** @file A cell function that takes no time and knows its result in advance, and that can fail, wait and die at will. */
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Recorder } from '../../src/runs/recorder.ts';
import type { Cell, Measured, Task } from '../../src/sweep/cell.ts';
import { DeadEngine, OtherMaterials, UnusableDisk } from '../../src/sweep/runners/worker-failures.ts';
import { sha256 } from '../../src/tensor/sha256.ts';

/** What a test has a cell do. */
export interface Whim {
  /** Milliseconds, in steps of 10 between which it listens. */
  readonly wait?: number;
  readonly fail?: string;
  /** Its process is killed while it is computed: the first so many times. */
  readonly die?: number;
  /** It goes on only when so many cells have been begun. */
  readonly meet?: number;
  /** It refuses to be computed on this machine. */
  readonly foreign?: boolean;
  /** There is no room for it on the disk. */
  readonly full?: boolean;
  /** It ends the engine, the first so many times. */
  readonly exhaust?: number;
}

export function tinyCell(name: string, whim: Whim = {}, more: Partial<Task> = {}): Cell {
  const task: Task = {
    attack: 'badnet',
    model: 'emoji-clip:badnet',
    trigger: 'badnet',
    target: null,
    defense: name,
    options: { ...whim },
    seed: 1,
    classes: 'things',
    shots: 16,
    data: 'emoji:train',
    wrongLabels: 0,
    test: 'emoji:test',
    report: false,
    ...more,
  };
  const ingredients = { all: sha256(JSON.stringify(task)) };
  return { key: sha256(JSON.stringify(ingredients)), task, ingredients };
}

/** Every call is a line in `directory/log`: `begin KEY` and `end KEY`. */
export function tinyCompute(directory: string): (cell: Cell, recorder: Recorder) => Promise<Measured> {
  const log = (text: string) => appendFile(join(directory, 'log'), `${text}\n`);
  return async ({ key, task }, recorder) => {
    const { wait = 0, fail, die = 0, meet = 0, foreign, full, exhaust = 0 } = task.options as Whim;
    await log(`begin ${key}`);
    for (let done = 0; done < wait; done += 10) {
      recorder.signal.throwIfAborted();
      recorder.record({ stage: 'wait', step: done / 10 + 1, steps: Math.ceil(wait / 10) });
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    while ((await begun(directory)) < meet) await new Promise((resolve) => setTimeout(resolve, 10));
    if (await dies(directory, key, die)) process.kill(process.pid, 'SIGKILL');
    if (await dies(directory, key, exhaust)) {
      throw new DeadEngine({ fault: 'internal', where: 'the engine', found: 'none', expected: 'one that computes' });
    }
    if (foreign) throw new OtherMaterials({ fault: 'data', where: 'model', found: 'another', expected: 'the same' });
    if (full) throw new UnusableDisk({ fault: 'data', where: 'disk', found: 'a full disk', expected: 'room' });
    if (fail) throw new Error(fail);
    await log(`end ${key}`);
    return tinyOutcome(task);
  };
}

async function begun(directory: string): Promise<number> {
  return (await readFile(join(directory, 'log'), 'utf8')).split('begin').length - 1;
}

/** Counts the deaths of a cell in files, since whoever dies remembers nothing. */
async function dies(directory: string, key: string, most: number): Promise<boolean> {
  const folder = join(directory, 'deaths');
  await mkdir(folder, { recursive: true });
  for (let death = 1; death <= most; death++) {
    const first = await writeFile(join(folder, `${key}-${death}`), '', { flag: 'wx' }).then(
      () => true,
      () => false,
    );
    if (first) return true;
  }
  return false;
}

/** What a tiny cell comes to; depends on nothing but the task. */
export function tinyOutcome({ defense, seed, classes, attack }: Task): Measured {
  const digest = Buffer.from(sha256(JSON.stringify([attack, defense, seed, classes])), 'hex');
  const share = (at: number) => ({ hits: digest[at]! % 101, of: 100 });
  return {
    kind: 'measured',
    counts: { ca: share(0), asr: share(1), asrAll: share(1), ra: share(2) },
    clean: null,
    floor: null,
    classCount: 100,
    target: 'banana',
    harm: { classes: 100, rose: 0, fell: 0, meanLoss: 0, lost: [], gained: [] },
    right: '',
    hit: null,
    notes: {},
    seconds: 0.1,
    peakBytes: null,
    machine: { host: 'here', processor: 'any', threads: 1 },
  };
}
