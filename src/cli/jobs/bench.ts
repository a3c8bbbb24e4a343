/** @file The bench job: runs every cell of a matrix in processes or by workers of a queue, and prints a table. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defenses } from '../../defenses/defenses.ts';
import type { JsonRecord, RunInput } from '../../runs/config.ts';
import type { Run } from '../../runs/run.ts';
import { shellWord } from '../../runs/shell-word.ts';
import type { Cell, Outcome } from '../../sweep/cell.ts';
import { gatherMaterials } from '../../sweep/materials.ts';
import { tasksOf } from '../../sweep/matrix.ts';
import { checkPlan, makePlan, type Plan, readPlanIfThere, writePlan } from '../../sweep/plan.ts';
import { cellResult } from '../../sweep/result.ts';
import type { CellNews, CellRunners } from '../../sweep/runners/cell-runners.ts';
import { processRunners } from '../../sweep/runners/processes.ts';
import { removeStaleFiles } from '../../sweep/stale-files.ts';
import { openCellStore } from '../../sweep/store.ts';
import { sweep } from '../../sweep/sweep.ts';
import { type BenchOptions, benchOptions } from '../bench-options.ts';
import { type Board, createBoard } from '../board.ts';
import { counted } from '../counted.ts';
import type { DelegatedJob, DelegatedJobContext } from '../job.ts';
import { drawMatrix } from '../matrix-files.ts';
import { queuePassword } from '../redis-flag.ts';

export const benchJob: DelegatedJob<BenchOptions> = {
  command: 'bench',
  options: benchOptions,
  delegate,
  summary,
  // A cell that failed is tried again.
  unfinished: ({ cells }) => (cells as JsonRecord[]).some(({ error }) => error !== null),
};

async function delegate(
  options: BenchOptions,
  { run, signal, screen, terminal }: DelegatedJobContext,
): Promise<JsonRecord> {
  const { matrix, redis } = options;
  await removeStaleFiles(
    ['cells', 'features'].map((folder) => join(run.directory, folder)),
    Date.now(),
  );
  const tasks = tasksOf(matrix);
  terminal.activity(`planning ${counted(tasks.length, 'cell')}`);
  const materials = await gatherMaterials(run.config.device, defenses);
  const pin = (role: string, input: RunInput) => run.pin(role, input);
  const plan = await makePlan(tasks, materials, pin, signal);
  const original = await readPlanIfThere(run.directory);
  if (original) checkPlan(run.directory, original, plan);
  // From this event on, the run can be resumed.
  run.events.append({ stage: 'plan', cells: plan.cells.length });
  await writePlan(run.directory, plan);
  terminal.settle();
  signal.throwIfAborted();

  const board = createBoard(plan.cells, screen);
  const runners = redis === null ? localRunners(options, run) : await queuedRunners(redis, plan, run, board);
  const store = openCellStore(run.directory);
  const listener = {
    kept: (cell: Cell, outcome: Outcome) => board.kept(cell, outcome),
    news(news: CellNews) {
      record(run, plan, news);
      board.news(news);
    },
  };
  try {
    const outcomes = await sweep(plan.cells, store, runners, listener, signal);
    await run.events.flush();
    const report = await drawMatrix(run.directory);
    const cells = plan.cells.map((cell) => cellResult(cell, outcomes.get(cell.key)!));
    return { cells, run: run.directory, report };
  } finally {
    board.settle();
  }
}

/**
 * Divides the threads among the processes, so that no two wait for the same core. More processes than threads get one
 * each: they are for a graphics card to keep busy, or for spare cores.
 */
function localRunners({ workers }: BenchOptions, run: Run): CellRunners {
  const { device, threads } = run.config;
  const each = Math.max(1, Math.floor(threads / workers));
  const args = ['worker', '--store', run.directory, '--device', device, '--threads', String(each)];
  return processRunners({ workers, program: process.argv[1] ?? fileURLToPath(import.meta.url), args });
}

async function queuedRunners(
  url: string,
  { cells }: Plan,
  { directory, config }: Run,
  board: Board,
): Promise<CellRunners> {
  // BullMQ is large, and most benches need none of it.
  const { queueRunners, queueName } = await import('../../sweep/runners/queue.ts');
  let hasNoWorker = false;
  const start = `antidote worker --redis ${shellWord(url)} --device ${config.device}`;
  if (cells.some(({ task }) => task.report)) {
    board.note(`reports of cells are kept only by workers with --store ${shellWord(directory)}`);
  }
  const name = queueName(cells[0]!.ingredients.code!);
  return queueRunners({ url, name, password: queuePassword() }, (workers) => {
    if (workers === 0 && !hasNoWorker) board.note(`no worker listens; start some: ${start}`);
    hasNoWorker = workers === 0;
  });
}

/** Records what happened to a cell; progress is only displayed. */
function record(run: Run, { cells }: Plan, news: CellNews): void {
  if (news.kind === 'progress') return;
  const { kind, key } = news;
  const { attack, defense, seed, classes } = cells.find((cell) => cell.key === key)!.task;
  run.events.append({
    stage: 'cell',
    state: kind,
    key,
    attack,
    defense,
    seed,
    classes,
    ...(kind === 'finished' && { error: news.outcome.kind === 'failed' ? news.outcome.error : null }),
    ...(kind === 'lost' && { why: news.why }),
  });
}

function summary(result: JsonRecord): readonly string[] {
  const cells = result.cells as JsonRecord[];
  const failed = cells.filter(({ error }) => error !== null).length;
  const severalShots = new Set(cells.map(({ shots }) => shots)).size > 1;
  const columns = [
    column('attack', cells, 'attack', 'padEnd'),
    column('defense', cells, 'defense', 'padEnd'),
    column('classes', cells, 'classes', 'padEnd'),
    ...(severalShots ? [column('shots', cells, 'shots', 'padStart')] : []),
    column('seed', cells, 'seed', 'padStart'),
    [inColumns(['CA', 'ASR', 'RA']), ...cells.map(measuresOf)],
  ];
  const again = `antidote resume ${shellWord(String(result.run))}`;
  return [
    ...columns[0]!.map((_, row) => `  ${columns.map((words) => words[row]).join('  ')}`),
    '',
    ...(failed > 0 ? [`  ${failed} of ${cells.length} cells failed; try them again by: ${again}`] : []),
    `  run     ${result.run}`,
    `  report  ${result.report}`,
  ];
}

/** The title, then the value of every cell, padded to one width. */
function column(
  title: string,
  cells: readonly JsonRecord[],
  key: string,
  pad: 'padStart' | 'padEnd',
): readonly string[] {
  const words = [title, ...cells.map((cell) => String(cell[key]))];
  const width = Math.max(...words.map(({ length }) => length));
  return words.map((word) => word[pad](width));
}

function measuresOf({ ca, asr, ra, error }: JsonRecord): string {
  if (error !== null) return `FAILED: ${error}`;
  return inColumns([ca, asr, ra].map((value) => (typeof value === 'number' ? value.toFixed(2) : '-')));
}

/** Wide enough for `100.00`. */
function inColumns(words: readonly string[]): string {
  return words.map((word) => word.padStart(6)).join('  ');
}
