/** @file `events.jsonl`: the events of a run, one JSON object a line, appended as they happen. */
import { open, readFile } from 'node:fs/promises';
import { z } from 'zod';
import { badData } from '../errors.ts';
import { explainingFile, fileProblem } from '../tensor/files/file-problem.ts';
import type { RunEvent } from './recorder.ts';

/** An event in the file. `resumed`: another process continued the run. */
const storedEvent = z.looseObject({
  time: z.iso.datetime(),
  stage: z.string(),
  step: z.number().optional(),
  steps: z.number().optional(),
  unit: z.string().optional(),
  resumed: z.literal(true).optional(),
});
export type StoredEvent = RunEvent & { readonly time: string };

export interface EventLog {
  /** Returns at once; the line is written in the background. Throws if an earlier line could not be written. */
  append(event: RunEvent): void;
  /** Every line appended so far is on the disk when this resolves. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Opens or creates the file for appending; an incomplete last line, which a kill leaves, is cut off first. */
export async function openEventLog(path: string): Promise<EventLog> {
  const file = await explainingFile(path, () => open(path, 'a'));
  const bytes = await readFile(path);
  await file.truncate(bytes.lastIndexOf(0x0a) + 1);

  let waiting = '';
  let failure: unknown;
  let writing: Promise<void> | undefined;

  async function writeWaiting(): Promise<void> {
    while (waiting !== '' && failure === undefined) {
      const lines = waiting;
      waiting = '';
      await file.appendFile(lines).catch((error) => {
        failure = fileProblem(path, error);
      });
    }
    writing = undefined;
  }

  async function flush(): Promise<void> {
    await writing;
    if (failure === undefined) {
      await file.sync().catch((error) => {
        failure = fileProblem(path, error);
      });
    }
    if (failure !== undefined) throw failure;
  }

  return {
    append(event) {
      if (failure !== undefined) throw failure;
      waiting += `${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`;
      writing ??= writeWaiting();
    },
    flush,
    async close() {
      await flush().finally(() => file.close());
    },
  };
}

/** The events of a run, and the time of its stages. */
export interface Course {
  /** In order. Steps that were repeated after a kill appear once. */
  readonly events: readonly StoredEvent[];
  /**
   * Seconds of every stage, in the order in which the stages started: the time up to each of its events. The time between
   * a stopped process and the one that continued the run is not counted.
   */
  readonly stages: readonly { readonly name: string; readonly seconds: number }[];
}

/**
 * Reads the course of a run that started at `started`. An incomplete last line is left out.
 * @throws badData naming the line that is not an event.
 */
export async function readCourse(path: string, started: string): Promise<Course> {
  const lines = await readLines(path);
  return { events: eventsOf(lines), stages: stageSeconds(lines, started) };
}

/** A resumed process repeats steps: its first step of a stage replaces what earlier processes recorded from that step on. */
function eventsOf(lines: readonly StoredLine[]): readonly StoredEvent[] {
  let events: StoredLine[] = [];
  let begun = new Set<string>();
  for (const event of lines) {
    const { stage, step, resumed } = event;
    if (resumed) {
      begun = new Set();
      continue;
    }
    if (step !== undefined && !begun.has(stage)) {
      events = events.filter((earlier) => earlier.stage !== stage || (earlier.step ?? 0) < step);
      begun.add(stage);
    }
    events.push(event);
  }
  return events as StoredEvent[];
}

function stageSeconds(lines: readonly StoredLine[], started: string): Course['stages'] {
  const spent = new Map<string, number>();
  let last = Date.parse(started);
  for (const { time, stage, resumed } of lines) {
    const at = Date.parse(time);
    if (!resumed) spent.set(stage, (spent.get(stage) ?? 0) + at - last);
    last = at;
  }
  return [...spent].map(([name, milliseconds]) => ({ name, seconds: milliseconds / 1000 }));
}

/** Seconds that all processes have worked on a run that started at `started`, each until its last event. */
export async function workedSeconds(path: string, started: string): Promise<number> {
  let [worked, last] = [0, Date.parse(started)];
  for (const { time, resumed } of await readLines(path)) {
    const at = Date.parse(time);
    if (!resumed) worked += at - last;
    last = at;
  }
  return worked / 1000;
}

/** Whether anything was computed: downloads and reads, counted in bytes, are cached outside the run. */
export async function hasComputed(path: string): Promise<boolean> {
  return (await readLines(path)).some(({ unit }) => unit !== 'bytes');
}

type StoredLine = z.infer<typeof storedEvent>;

/** All complete lines. */
async function readLines(path: string): Promise<StoredLine[]> {
  const text = await explainingFile(path, () => readFile(path, 'utf8'));
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return lines.slice(0, -1).map((line, index) => parseEvent(path, index + 1, line));
}

function parseEvent(path: string, line: number, text: string): StoredLine {
  try {
    return storedEvent.parse(JSON.parse(text));
  } catch (error) {
    const expected = 'an event: a JSON object with time and stage';
    throw badData(`${path}:${line}`, text.slice(0, 80), expected, { cause: error });
  }
}
