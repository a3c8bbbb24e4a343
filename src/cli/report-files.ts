/** @file Writes the report of a run: report.html, from report.json or, where a run has none, from its events. */
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
import type { PngUrl } from '../triggers/png.ts';
import { readTriggerPreview } from '../triggers/preview.ts';
import { drawMatrix } from './matrix-files.ts';

/** Increased when this version can no longer draw the data of an earlier one. */
const format = 2;

/** Only this program writes the file, atomically, so only the format's number is checked. */
const stored = z.object({ format: z.literal(format), data: z.custom<PageData>((data) => data instanceof Object) });

/** Data of a run that measured, or of one that only looked for triggers. */
type PageData = ReportData | FindingsData;

/** The events so far of a run that is about to end, for its report. */
export async function courseOf({ directory, config, events }: Run): Promise<Pick<ReportData, 'curves' | 'provenance'>> {
  await events.flush();
  const course = await readCourse(join(directory, 'events.jsonl'), config.started);
  return {
    curves: lossCurves(course.events),
    provenance: provenanceOfRun(config, course.stages, new Date().toISOString()),
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

/** Draws the page again from the run's files, without computing. Returns the page's path. */
export async function redrawReport(directory: string): Promise<string> {
  const { command } = await readConfig(directory);
  if (command === 'bench') return drawMatrix(directory);
  const report = await readJsonIfThere(join(directory, 'report.json'), stored, {
    advice: 'draw it with the version of antidote that made the run, or run it again',
  });
  if (report) return writePage(directory, drawn(report.data));
  const run = await readRun(directory);
  if (run.result || drawnUnfinished.includes(command))
    return writePage(directory, renderRun(run, await previewIn(directory)));
  const advice = `finish it by: antidote resume ${shellWord(directory)}`;
  throw badData(directory, 'no report.json in it', 'a finished run', advice);
}

/** Writes the page of a run that is about to end with this result; returns its path. */
export async function writeRunPage({ directory, config, events }: Run, result: JsonRecord): Promise<string> {
  await events.flush();
  const run = { ...(await readRun(directory)), config, result };
  return writePage(directory, renderRun(run, await previewIn(directory)));
}

/** The picture of a planted trigger. */
function previewIn(directory: string): Promise<PngUrl | null> {
  return readTriggerPreview(join(directory, 'trigger.png'));
}

async function writePage(directory: string, page: string): Promise<string> {
  const path = join(directory, 'report.html');
  await writeFileAtomically(path, page);
  return path;
}
