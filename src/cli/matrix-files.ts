/** @file Writes the report and tables of a bench from its stored cells, finished or not; computes nothing. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { defenses } from '../defenses/defenses.ts';
import { matrixCsv, matrixJson, matrixMarkdown } from '../report/matrix/exports.ts';
import type { MatrixCell, MatrixData } from '../report/matrix/matrix-data.ts';
import { renderMatrix } from '../report/matrix/matrix-report.ts';
import { hashesOf } from '../report/run-provenance.ts';
import { readRun, type StoredRun } from '../runs/read.ts';
import { shellWord } from '../runs/shell-word.ts';
import { type Outcome, reportOfCell } from '../sweep/cell.ts';
import type { Defenses } from '../sweep/materials.ts';
import { type Plan, readPlan } from '../sweep/plan.ts';
import { statisticsOf } from '../sweep/statistics.ts';
import { openCellStore } from '../sweep/store.ts';
import { writeFileAtomically } from '../tensor/files/atomic-file.ts';
import { checkedJson } from '../tensor/files/json-file.ts';
import { type BenchOptions, benchOptions } from './bench-options.ts';

/** All data of a bench's report. */
export async function gatherMatrix(directory: string): Promise<MatrixData> {
  const run = await readRun(directory);
  const plan = await readPlan(directory);
  const store = openCellStore(directory);
  const outcomes = new Map<string, Outcome>();
  for (const { key } of plan.cells) {
    const outcome = await store.read(key);
    if (outcome) outcomes.set(key, outcome);
  }
  const options = checkedJson(join(directory, 'config.json'), run.config.options, benchOptions, {
    within: ['options'],
  });
  const cells: MatrixCell[] = plan.cells.map((cell) => ({
    cell,
    outcome: outcomes.get(cell.key) ?? null,
    report: existsSync(join(directory, reportOfCell(cell.key))) ? reportOfCell(cell.key) : null,
  }));
  return {
    source: options.source,
    cells,
    defenses: options.matrix.defenses.map((name) => {
      // A defense that this version no longer has keeps its name.
      const known = (defenses as Defenses)[name];
      return { name, summary: known?.summary ?? '', oracle: known?.knows === 'threat' };
    }),
    statistics: statisticsOf(plan, outcomes),
    triggers: plan.triggers,
    provenance: provenanceOf(run, plan, outcomes, options),
  };
}

/** Writes report.html, results.csv, results.json and results.md; returns the page's path. */
export async function drawMatrix(directory: string): Promise<string> {
  const data = await gatherMatrix(directory);
  const path = join(directory, 'report.html');
  await writeFileAtomically(join(directory, 'results.csv'), matrixCsv(data));
  await writeFileAtomically(join(directory, 'results.json'), matrixJson(data));
  await writeFileAtomically(join(directory, 'results.md'), matrixMarkdown(data));
  await writeFileAtomically(path, renderMatrix(data));
  return path;
}

function provenanceOf(
  { config, events }: StoredRun,
  { cells }: Plan,
  outcomes: ReadonlyMap<string, Outcome>,
  { source, matrix, workers, redis }: BenchOptions,
): MatrixData['provenance'] {
  const seconds = new Map<string, number>();
  for (const [key, task] of new Map(cells.map((cell) => [cell.key, cell.task]))) {
    const outcome = outcomes.get(key);
    if (outcome?.kind !== 'measured') continue;
    seconds.set(task.defense, (seconds.get(task.defense) ?? 0) + outcome.seconds);
  }
  const where = redis === null ? `--workers ${workers}` : `--redis ${shellWord(redis)}`;
  return {
    repeat: `antidote bench ${shellWord(source)} ${where} --device ${config.device} --threads ${config.threads}`,
    finished: events.at(-1)?.time ?? config.started,
    stages: [...seconds].map(([name, spent]) => ({ name, seconds: spent })),
    versions: config.versions,
    hashes: hashesOf(config),
    config: { ...matrix, device: config.device, threads: config.threads, workers },
  };
}
