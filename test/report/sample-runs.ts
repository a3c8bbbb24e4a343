/** @file Runs that have a page of their own: the records of the built-in models, and what they could have been. */
import { fileURLToPath } from 'node:url';
import { readRun, type StoredRun } from '../../src/runs/read.ts';
import { hostile } from './sample-report.ts';

const recordOf = (model: string) => readRun(fileURLToPath(new URL(`../../models/${model}/run`, import.meta.url)));

/** How Emoji-CLIP was trained. */
export const trainedRun = () => recordOf('emoji-clip');

/** How a backdoor was planted in it. */
export const plantedRun = () => recordOf('emoji-clip-badnet');

/** The training, stopped on its way. */
export async function unfinishedRun(): Promise<StoredRun> {
  const run = await trainedRun();
  return { ...run, events: run.events.slice(0, 700), result: undefined };
}

/** A result, stages and options whose names try to break out of the page. */
export async function hostileRun(): Promise<StoredRun> {
  const run = await plantedRun();
  const name = hostile.join(' ');
  const { poisoned } = run.result!;
  return {
    ...run,
    config: { ...run.config, options: { ...run.config.options, [name]: name } },
    events: run.events.map((event) => ({ ...event, stage: name })),
    stages: [{ name, seconds: 3 }],
    result: { ...run.result!, attack: name, target: name, model: name, keys: { [name]: poisoned! } },
  };
}
