/** @file `events.jsonl`: what a run has told, one JSON object a line, appended as it happens. */
import { open, readFile } from 'node:fs/promises';
import { z } from 'zod';
import { badData } from '../errors.ts';
import { fileProblem } from '../tensor/files/file-problem.ts';
import type { RunEvent } from './recorder.ts';

/**
 * An event as it lies in the file. `restored`: the stage went on from its checkpoint of that step. `resumed`: another
 * process took the run up.
 */
const storedEvent = z.looseObject({
  time: z.iso.datetime(),
  stage: z.string(),
  step: z.number().optional(),
  steps: z.number().optional(),
  unit: z.string().optional(),
  restored: z.number().optional(),
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

/** Opens the file for appending, creating it if need be; a last line torn by a kill is cut off first. */
export async function openEventLog(path: string): Promise<EventLog> {
  const file = await open(path, 'a').catch((error) => {
    throw fileProblem(path, error);
  });
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

/** What a run has told, and where its time went. */
export interface Course {
  /** In order. Steps that were done again after a kill appear once. */
  readonly events: readonly StoredEvent[];
  /**
   * Seconds that went into every stage, in the order in which they began: the time up to each of its events. What passed
   * between a process that was stopped and the one that took the run up is nobody's.
   */
  readonly stages: readonly { readonly name: string; readonly seconds: number }[];
}

/**
 * Reads the course of a run begun at `started`. A torn last line is left out.
 * @throws badData naming the line that is not an event.
 */
export async function readCourse(path: string, started: string): Promise<Course> {
  const lines = await readLines(path);
  return { events: eventsOf(lines), stages: stageSeconds(lines, started) };
}

/** A `restored` mark takes back what its stage had told of later steps. */
function eventsOf(lines: readonly StoredLine[]): readonly StoredEvent[] {
  let events: StoredLine[] = [];
  for (const event of lines) {
    const { stage, restored } = event;
    if (restored !== undefined) {
      events = events.filter((earlier) => earlier.stage !== stage || (earlier.step ?? 0) <= restored);
    } else if (!event.resumed) events.push(event);
  }
  return events as StoredEvent[];
}

function stageSeconds(lines: readonly StoredLine[], started: string): Course['stages'] {
  const spent = new Map<string, number>();
  let last = Date.parse(started);
  for (const { time, stage, resumed, restored } of lines) {
    const at = Date.parse(time);
    if (!resumed) spent.set(stage, (spent.get(stage) ?? 0) + (restored === undefined ? at - last : 0));
    last = at;
  }
  return [...spent].map(([name, milliseconds]) => ({ name, seconds: milliseconds / 1000 }));
}

/** Seconds that all processes have worked on a run begun at `started`, each until the last event it told. */
export async function workedSeconds(path: string, started: string): Promise<number> {
  let [worked, last] = [0, Date.parse(started)];
  for (const { time, resumed } of await readLines(path)) {
    const at = Date.parse(time);
    if (!resumed) worked += at - last;
    last = at;
  }
  return worked / 1000;
}

/** Whether anything was computed: bytes that were fetched or read are found again without the run. */
export async function tellsOfWork(path: string): Promise<boolean> {
  return (await readLines(path)).some(({ unit }) => unit !== 'bytes');
}

type StoredLine = z.infer<typeof storedEvent>;

/** All complete lines. */
async function readLines(path: string): Promise<StoredLine[]> {
  const text = await readFile(path, 'utf8').catch((error) => {
    throw fileProblem(path, error);
  });
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  return lines.slice(0, -1).map((line, index) => parseEvent(path, index + 1, line));
}

function parseEvent(path: string, line: number, text: string): StoredLine {
  try {
    return storedEvent.parse(JSON.parse(text));
  } catch (error) {
    throw badData(
      `${path}:${line}`,
      text.slice(0, 80),
      'an event: a JSON object with time and stage',
      undefined,
      error,
    );
  }
}
