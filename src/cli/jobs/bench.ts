/** @file The bench job: a matrix in, every cell computed by processes or by workers of a queue, a table out. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { JsonRecord, RunInput } from '../../runs/config.ts';
import type { Run } from '../../runs/run.ts';
import { shellWord } from '../../runs/shell-word.ts';
import type { Cell, Outcome } from '../../sweep/cell.ts';
import { removeAbandoned } from '../../sweep/clean-up.ts';
import { gatherMaterials } from '../../sweep/materials.ts';
import { tasksOf } from '../../sweep/matrix.ts';
import { checkPlan, makePlan, type Plan, readPlanIfThere, writePlan } from '../../sweep/plan.ts';
import { cellResult } from '../../sweep/result.ts';
import type { CellNews, Crew } from '../../sweep/runners/crew.ts';
import { processCrew } from '../../sweep/runners/processes.ts';
import { openCellStore } from '../../sweep/store.ts';
import { sweep } from '../../sweep/sweep.ts';
import { type BenchOptions, benchOptions } from '../bench-options.ts';
import { type Board, createBoard } from '../board.ts';
import type { DelegatedJob, Office } from '../job.ts';
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

async function delegate(options: BenchOptions, { run, signal, screen, terminal }: Office): Promise<JsonRecord> {
  const { matrix, redis } = options;
  await removeAbandoned(
    ['cells', 'features'].map((folder) => join(run.directory, folder)),
    Date.now(),
  );
  const tasks = tasksOf(matrix);
  terminal.activity(`planning ${tasks.length} cells`);
  const materials = await gatherMaterials(run.config.device);
  const pin = (role: string, input: RunInput) => run.pin(role, input);
  const plan = await makePlan(tasks, materials, pin, signal);
  const begun = await readPlanIfThere(run.directory);
  if (begun) checkPlan(run.directory, begun, plan);
  // From here on there is something to go on with.
  run.events.append({ stage: 'plan', cells: plan.cells.length });
  await writePlan(run.directory, plan);
  terminal.settle();
  signal.throwIfAborted();

  const board = createBoard(plan.cells, screen);
  const crew = redis === null ? localCrew(options, run) : await remoteCrew(redis, plan, run, board);
  const store = openCellStore(run.directory);
  const told = {
    kept: (cell: Cell, outcome: Outcome) => board.kept(cell, outcome),
    news(news: CellNews) {
      record(run, plan, news);
      board.news(news);
    },
  };
  try {
    const outcomes = await sweep(plan.cells, store, crew, told, signal);
    await run.events.flush();
    const report = await drawMatrix(run.directory);
    const cells = plan.cells.map((cell) => cellResult(cell, outcomes.get(cell.key)!));
    return { cells, run: run.directory, report };
  } finally {
    board.settle();
  }
}

/**
 * The threads are shared out, so that no two processes wait for the same core. More processes than threads have one
 * each: whoever asks for them has a graphics card to keep busy, or cores to spare.
 */
function localCrew({ workers }: BenchOptions, run: Run): Crew {
  const { device, threads } = run.config;
  const each = Math.max(1, Math.floor(threads / workers));
  const args = ['worker', '--store', run.directory, '--device', device, '--threads', String(each)];
  return processCrew({ workers, program: process.argv[1] ?? fileURLToPath(import.meta.url), args });
}

async function remoteCrew(url: string, { cells }: Plan, { directory, config }: Run, board: Board): Promise<Crew> {
  // BullMQ is large, and most benches need none of it.
  const { queueCrew, queueName } = await import('../../sweep/runners/queue.ts');
  let alone = false;
  const start = `antidote worker --redis ${shellWord(url)} --device ${config.device}`;
  if (cells.some(({ task }) => task.report)) {
    board.note(`reports of cells are kept only by workers with --store ${shellWord(directory)}`);
  }
  const name = queueName(cells[0]!.ingredients.code!);
  return queueCrew({ url, name, password: queuePassword() }, (workers) => {
    if (workers === 0 && !alone) board.note(`no worker listens; start some: ${start}`);
    alone = workers === 0;
  });
}

/** What happened to cells, without their progress: that is for the eye only. */
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

/** The title, then the value of every cell, one as wide as the other. */
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
