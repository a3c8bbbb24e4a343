/** @file Commands that make a run: options that survive JSON, a computation over them, and how it begins and goes on. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { z } from 'zod';
import type { Engine } from '../engine/engine.ts';
import { badData, badUsage } from '../errors.ts';
import type { Environment, JsonRecord } from '../runs/config.ts';
import { environment } from '../runs/environment.ts';
import { readConfig } from '../runs/read.ts';
import type { Recorder } from '../runs/recorder.ts';
import { createRun, openRun, type Run, recorderFor } from '../runs/run.ts';
import { codeHash } from '../sweep/code-hash.ts';
import { fileProblem } from '../tensor/files/file-problem.ts';
import { checkedJson } from '../tensor/files/json-file.ts';
import type { Screen } from './board.ts';
import { type CliContext, printResult, screenFor, terminalFor, withEngine } from './context.ts';
import { Unfinished } from './failure.ts';
import { openFeatureFolder } from './feature-folder.ts';
import type { EngineFlags, OutputFlags } from './flags.ts';
import type { Terminal } from './terminal.ts';

export interface Job<Options> {
  readonly command: string;
  /** Checks the options when they are read back from config.json. */
  readonly options: z.ZodType<Options>;
  /** Does the work, going on from the recorder's checkpoints where there are any. Returns what result.json holds. */
  perform(options: Options, bench: Bench): Promise<JsonRecord>;
  /** Whether embeddings of pictures are kept for other runs, and taken from them. */
  sharesFeatures?(options: Options): boolean;
  /** The result for a person. */
  summary(result: JsonRecord): readonly string[];
  /** The result for a script; 0 if left out. */
  exitCode?(result: JsonRecord): number;
}

/** A job whose computing is done by other processes: it needs no engine, and shows its progress itself. */
export interface DelegatedJob<Options> extends Omit<Job<Options>, 'perform' | 'sharesFeatures'> {
  delegate(options: Options, office: Office): Promise<JsonRecord>;
  /** Whether a finished run has something left to do, which `resume` then does. */
  unfinished(result: JsonRecord): boolean;
}

export type AnyJob<Options> = Job<Options> | DelegatedJob<Options>;

/** What a job works with. */
export interface Bench {
  readonly engine: Engine;
  readonly run: Run;
  /** Writes into the run and shows progress. */
  readonly recorder: Recorder;
  readonly terminal: Terminal;
}

/** What a delegated job works with. */
export interface Office {
  readonly run: Run;
  readonly signal: AbortSignal;
  readonly screen: Screen;
  readonly terminal: Terminal;
}

/** Begins a run in `out`, or in a folder under runs/ named by command and time. */
export async function startJob<Options extends JsonRecord>(
  context: CliContext,
  job: AnyJob<Options>,
  options: Options,
  flags: OutputFlags & EngineFlags & { readonly out?: string },
): Promise<void> {
  const directory = flags.out ?? (await freshDirectory(job.command, new Date()));
  const run = await createRun(directory, {
    command: job.command,
    options,
    device: flags.device,
    threads: flags.threads,
    workingDirectory: process.cwd(),
  });
  await work(context, job, options, run, flags);
}

/** Goes on with an interrupted run, with its own options; of a finished one, prints the result again. */
export async function resumeJob(
  context: CliContext,
  jobs: readonly AnyJob<unknown>[],
  directory: string,
  flags: OutputFlags,
): Promise<void> {
  const run = await openRun(await fromItsOwnDirectory(directory));
  const { command, options } = run.config;
  const job = jobs.find((candidate) => candidate.command === command);
  if (!job) {
    await run.close();
    const known = jobs.map((candidate) => candidate.command).join(', ');
    throw badData(join(directory, 'config.json'), `the command ${JSON.stringify(command)}`, `one of ${known}`);
  }
  await work(context, job, options, run, flags);
}

async function work<Options>(
  context: CliContext,
  job: AnyJob<Options>,
  options: JsonRecord,
  run: Run,
  flags: OutputFlags,
): Promise<void> {
  const terminal = terminalFor(context, flags);
  try {
    const path = join(run.directory, 'config.json');
    const checked = checkedJson(path, options, job.options, { within: ['options'] });
    const result = earlier() ?? (await outcome(checked));
    terminal.settle();
    await run.close();
    printResult(context, flags, result, job.summary(result));
    context.process.exitCode = job.exitCode?.(result) ?? 0;
  } catch (error) {
    terminal.settle();
    const kept = await run.abandon();
    throw kept ? new Unfinished(run.directory, error) : error;
  }

  function earlier(): JsonRecord | undefined {
    return run.result && 'delegate' in job && job.unfinished(run.result) ? undefined : run.result;
  }

  async function outcome(checked: Options): Promise<JsonRecord> {
    if (!('delegate' in job)) return withEngine(run.config, (engine) => perform(job, engine, checked));
    const office = { run, signal: context.stopSignal(), screen: screenFor(context, flags), terminal };
    const result = await job.delegate(checked, office);
    await run.finish(result);
    return result;
  }

  async function perform(job: Job<Options>, engine: Engine, checked: Options): Promise<JsonRecord> {
    const written = recorderFor(run, context.stopSignal());
    await pinCode(run, terminal);
    const features = job.sharesFeatures?.(checked)
      ? await openFeatureFolder(context.process.env, run.config, terminal.note)
      : undefined;
    const recorder: Recorder = {
      ...written,
      ...(features && { features }),
      record(event) {
        written.record(event);
        terminal.progress(event);
      },
    };
    const result = await job.perform(checked, { engine, run, recorder, terminal });
    await run.finish(result);
    return result;
  }
}

/**
 * Goes where the run was begun, for that is where the paths among its options begin; where that place is gone, the run
 * may have moved with it.
 *
 * @returns the run's directory as it is called from there
 */
async function fromItsOwnDirectory(directory: string): Promise<string> {
  const { workingDirectory: place } = await readConfig(directory);
  if (place === undefined || place === process.cwd() || !existsSync(place)) return directory;
  const absolute = resolve(directory);
  process.chdir(place);
  return absolute;
}

/** A run ends with the result that it would have had in one go: other code is refused, another machine is told. */
async function pinCode(run: Run, { note }: Terminal): Promise<void> {
  const { versions, platform } = run.config;
  const here = environment();
  await run.pin('code', { name: `neural-antidote ${here.versions.antidote}`, sha256: await codeHash() });
  if (versions.node === here.versions.node && platform.processor === here.platform.processor) return;
  const machine = (of: Environment) => `Node ${of.versions.node} on ${of.platform.processor}`;
  note(`begun with ${machine(run.config)}, going on with ${machine(here)}: last digits of numbers may differ`);
}

/** Makes `runs/purify-20261122-134005`, with a number behind it if two begin within a second. */
async function freshDirectory(command: string, now: Date): Promise<string> {
  const name = join('runs', `${command}-${timestamp(now)}`);
  let directory = name;
  await mkdir('runs', { recursive: true }).catch((error) => {
    if (error.code === 'EEXIST')
      throw badUsage('runs', 'a file', 'a folder for runs', 'say with --out where else to put it');
    throw fileProblem('runs', error);
  });
  try {
    // Made rather than looked for: of two that begin at once, one finds it there.
    for (let number = 2; !(await isMade(directory)); number++) directory = `${name}-${number}`;
  } catch (error) {
    throw fileProblem(directory, error);
  }
  return directory;
}

/** Makes a folder; false where there is something of that name. */
async function isMade(directory: string): Promise<boolean> {
  try {
    await mkdir(directory);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Local time as `20261122-134005`: sorts by time, needs no quoting. */
function timestamp(now: Date): string {
  const two = (part: number) => String(part).padStart(2, '0');
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  return `${day}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
}
