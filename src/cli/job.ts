/** @file Commands that make a run: options that survive JSON, a computation over them, how it starts and resumes. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import type { z } from 'zod';
import type { Engine } from '../engine/engine.ts';
import { badData, badUsage } from '../errors.ts';
import type { Environment, JsonRecord } from '../runs/config.ts';
import { environment } from '../runs/environment.ts';
import { readConfig } from '../runs/read.ts';
import type { Recorder } from '../runs/recorder.ts';
import { createRun, openRun, type Run, recorderFor } from '../runs/run.ts';
import { codeHash } from '../sweep/code-hash.ts';
import { fileProblem, systemCode } from '../tensor/files/file-problem.ts';
import { checkedJson } from '../tensor/files/json-file.ts';
import { type CliContext, printResult, screenFor, terminalFor, withEngine } from './context.ts';
import { Unfinished } from './failure.ts';
import { openFeatureFolder } from './feature-folder.ts';
import type { EngineFlags, OutputFlags } from './flags.ts';
import type { Screen, Terminal } from './terminal.ts';

export interface Job<Options> {
  readonly command: string;
  /** Checks options that were read back from config.json. With `cache: true`, embeddings are shared with other runs. */
  readonly options: z.ZodType<Options>;
  /** Does the work, from the recorder's checkpoints on where there are any. Returns the content of result.json. */
  perform(options: Options, context: JobContext): Promise<JsonRecord>;
  /** The result for a person. */
  summary(result: JsonRecord): readonly string[];
  /** The result for a script; 0 if left out. */
  exitCode?(result: JsonRecord): number;
}

/** A job that other processes compute: it needs no engine, and shows its progress itself. */
export interface DelegatedJob<Options> extends Omit<Job<Options>, 'perform'> {
  delegate(options: Options, context: DelegatedJobContext): Promise<JsonRecord>;
  /** Whether a finished run has work left for `resume`. */
  unfinished(result: JsonRecord): boolean;
}

export type AnyJob<Options> = Job<Options> | DelegatedJob<Options>;

/** The engine that a job computes with, its run, and its outputs. */
export interface JobContext {
  readonly engine: Engine;
  readonly run: Run;
  /** Writes into the run and shows progress. */
  readonly recorder: Recorder;
  readonly terminal: Terminal;
}

/** The run and the outputs of a delegated job. */
export interface DelegatedJobContext {
  readonly run: Run;
  readonly signal: AbortSignal;
  readonly screen: Screen;
  readonly terminal: Terminal;
}

/** Starts a run in `out`, or in a folder under runs/ named by command and time. */
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
  await runToEnd(context, job, options, run, flags);
}

/** Resumes an interrupted run with its own options; prints the result of a finished one again. */
export async function resumeJob(
  context: CliContext,
  jobs: readonly AnyJob<unknown>[],
  directory: string,
  flags: OutputFlags,
): Promise<void> {
  const run = await openRun(await toWorkingDirectoryOf(directory));
  const { command, options } = run.config;
  const job = jobs.find((candidate) => candidate.command === command);
  if (!job) {
    await run.close();
    const known = jobs.map((candidate) => candidate.command).join(', ');
    throw badData(join(directory, 'config.json'), `the command ${JSON.stringify(command)}`, `one of ${known}`);
  }
  await runToEnd(context, job, options, run, flags, directory);
}

/** @param asked the run's directory as its user names it, in the working directory of the command */
async function runToEnd<Options>(
  context: CliContext,
  job: AnyJob<Options>,
  options: JsonRecord,
  run: Run,
  flags: OutputFlags,
  asked = run.directory,
): Promise<void> {
  const terminal = terminalFor(context, flags);
  try {
    const path = join(run.directory, 'config.json');
    const checked = checkedJson(path, options, job.options, { within: ['options'] });
    const kept = keptResult(job, run);
    const result = kept ? movedTo(asked, kept) : await compute(checked);
    terminal.settle();
    await run.close();
    printResult(context, flags, result, job.summary(result));
    context.process.exitCode = job.exitCode?.(result) ?? 0;
  } catch (error) {
    terminal.settle();
    const kept = await run.abandon(error);
    throw kept ? new Unfinished(run.directory, error) : error;
  }

  async function compute(checked: Options): Promise<JsonRecord> {
    if (!('delegate' in job)) return withEngine(run.config, (engine) => perform(job, engine, checked));
    const screen = screenFor(context, flags);
    const result = await job.delegate(checked, { run, signal: context.stopSignal(), screen, terminal });
    await run.finish(result);
    return result;
  }

  async function perform(job: Job<Options>, engine: Engine, checked: Options): Promise<JsonRecord> {
    const runRecorder = recorderFor(run, context.stopSignal());
    await pinCode(run, terminal);
    const features = wantsCache(checked)
      ? await openFeatureFolder(context.process.env, run.config, terminal.note)
      : undefined;
    const recorder: Recorder = {
      ...runRecorder,
      ...(features && { features }),
      record(event) {
        runRecorder.record(event);
        terminal.progress(event);
      },
    };
    const result = await job.perform(checked, { engine, run, recorder, terminal });
    await run.finish(result);
    return result;
  }
}

/** The result of an earlier attempt, unless it has work left. */
function keptResult<Options>(job: AnyJob<Options>, { result }: Run): JsonRecord | undefined {
  return result && 'delegate' in job && job.unfinished(result) ? undefined : result;
}

/** Where results name files of their run. */
const pathKeys = ['run', 'report', 'folder', 'trigger'];

/** A finished run's result, with its paths in the directory that the user names: the run may have moved since. */
function movedTo(directory: string, result: JsonRecord): JsonRecord {
  const { run } = result;
  if (typeof run !== 'string') return result;
  const moved = Object.entries(result).map(([key, value]) =>
    pathKeys.includes(key) && typeof value === 'string' ? [key, join(directory, relative(run, value))] : [key, value],
  );
  return Object.fromEntries(moved);
}

function wantsCache(options: unknown): boolean {
  return options instanceof Object && 'cache' in options && options.cache === true;
}

/** Seconds worked on the run so far, as results give them. */
export function roundedSeconds(run: Run): number {
  return Math.round(10 * run.seconds()) / 10;
}

/**
 * Changes to the working directory that the run was started in: relative paths among its options begin there. Where that
 * folder is gone, the run may have moved with it.
 *
 * @returns the run's directory, as a path from the new working directory
 */
async function toWorkingDirectoryOf(directory: string): Promise<string> {
  const { workingDirectory } = await readConfig(directory);
  if (workingDirectory === undefined || workingDirectory === process.cwd() || !existsSync(workingDirectory)) {
    return directory;
  }
  const absolute = resolve(directory);
  process.chdir(workingDirectory);
  return absolute;
}

/** A resumed run ends with the result of an uninterrupted one: other code is refused, another machine gets a note. */
async function pinCode(run: Run, { note }: Terminal): Promise<void> {
  const { versions, platform } = run.config;
  const here = environment();
  await run.pin('code', { name: `neural-antidote ${here.versions.antidote}`, sha256: await codeHash() });
  if (versions.node === here.versions.node && platform.processor === here.platform.processor) return;
  const machine = (of: Environment) => `Node ${of.versions.node} on ${of.platform.processor}`;
  note(`begun with ${machine(run.config)}, going on with ${machine(here)}: last digits of numbers may differ`);
}

/** Makes `runs/purify-20261122-134005`, with a number appended if two start within a second. */
async function freshDirectory(command: string, now: Date): Promise<string> {
  const name = join('runs', `${command}-${timestamp(now)}`);
  let directory = name;
  await mkdir('runs', { recursive: true }).catch((error) => {
    if (systemCode(error) === 'EEXIST')
      throw badUsage('runs', 'a file', 'a folder for runs', 'say with --out where else to put it');
    throw fileProblem('runs', error);
  });
  try {
    // Making it is the check: of two runs that start at once, one finds it there.
    for (let number = 2; !(await makeNew(directory)); number++) directory = `${name}-${number}`;
  } catch (error) {
    throw fileProblem(directory, error);
  }
  return directory;
}

/** Makes a folder; false where the name is taken. */
async function makeNew(directory: string): Promise<boolean> {
  try {
    await mkdir(directory);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Local time as `20261122-134005`: sorts by time, needs no quoting. */
function timestamp(now: Date): string {
  const two = (part: number) => String(part).padStart(2, '0');
  const day = `${now.getFullYear()}${two(now.getMonth() + 1)}${two(now.getDate())}`;
  return `${day}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
}
