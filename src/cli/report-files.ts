/** @file The report of a run on disk: report.html, drawn from report.json or, where a run has none, from what it told. */
import { join } from 'node:path';
import { z } from 'zod';
import { badData } from '../errors.ts';
import { lossCurves } from '../report/course.ts';
import { renderFindings } from '../report/findings-page.ts';
import { renderReport } from '../report/report.ts';
import type { FindingsData, ReportData } from '../report/report-data.ts';
import { drawnUnfinished, renderRun } from '../report/run-page.ts';
import { provenanceOfRun } from '../report/run-provenance.ts';
import type { JsonRecord } from '../runs/config.ts';
import { readCourse } from '../runs/events.ts';
import { readConfig, readRun } from '../runs/read.ts';
import type { Run } from '../runs/run.ts';
import { shellWord } from '../runs/shell-word.ts';
import { writeFileAtomically } from '../tensor/files/atomic-file.ts';
import { readJsonIfThere } from '../tensor/files/json-file.ts';
import { drawMatrix } from './matrix-files.ts';

/** Grows when an older page could no longer be drawn from the data. */
const format = 2;

/** Only this program writes the file, complete or not at all: the format's number is all there is to check. */
const stored = z.object({ format: z.literal(format), data: z.custom<PageData>((data) => data instanceof Object) });

/** What was measured, or what was found without measuring. */
type PageData = ReportData | FindingsData;

/** What a run that is about to end has told so far, for its report. */
export async function courseOf({ directory, config, events }: Run): Promise<Pick<ReportData, 'curves' | 'provenance'>> {
  await events.flush();
  const told = await readCourse(join(directory, 'events.jsonl'), config.started);
  return {
    curves: lossCurves(told.events),
    provenance: provenanceOfRun(config, told.stages, new Date().toISOString()),
  };
}

/** Writes report.json and report.html into a run directory; returns the page's path. */
export async function writeReport(directory: string, data: PageData): Promise<string> {
  await writeFileAtomically(join(directory, 'report.json'), JSON.stringify({ format, data }));
  return writePage(directory, drawn(data));
}

function drawn(data: PageData): string {
  return 'suspicion' in data ? renderFindings(data) : renderReport(data);
}

/** Draws the page again from what the run has stored; nothing is computed anew. Returns the page's path. */
export async function redrawReport(directory: string): Promise<string> {
  const { command } = await readConfig(directory);
  if (command === 'bench') return drawMatrix(directory);
  const report = await readJsonIfThere(join(directory, 'report.json'), stored, {
    advice: 'draw it with the version of antidote that made the run, or run it again',
  });
  if (report) return writePage(directory, drawn(report.data));
  const run = await readRun(directory);
  if (run.result || drawnUnfinished.includes(command)) return writePage(directory, renderRun(run));
  const advice = `finish it by: antidote resume ${shellWord(directory)}`;
  throw badData(directory, 'no report.json in it', 'a finished run', advice);
}

/** Writes the page of a run that is about to end with this result; returns its path. */
export async function writeRunPage({ directory, config, events }: Run, result: JsonRecord): Promise<string> {
  await events.flush();
  return writePage(directory, renderRun({ ...(await readRun(directory)), config, result }));
}

async function writePage(directory: string, page: string): Promise<string> {
  const path = join(directory, 'report.html');
  await writeFileAtomically(path, page);
  return path;
}
