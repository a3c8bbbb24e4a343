/** @file The report of a run on disk: its data as report.json, and the page drawn from it, report.html. */
import { join } from 'node:path';
import { z } from 'zod';
import { badData } from '../errors.ts';
import { renderReport } from '../report/report.ts';
import type { ReportData } from '../report/report-data.ts';
import { readConfig } from '../runs/read.ts';
import { writeFileAtomically } from '../tensor/atomic-file.ts';
import { readJsonIfThere } from '../tensor/json-file.ts';
import { drawMatrix } from './matrix-files.ts';

/** Grows when an older page could no longer be drawn from the data. */
const format = 1;

/** Only this program writes the file, complete or not at all: the format's number is all there is to check. */
const stored = z.object({ format: z.literal(format), data: z.custom<ReportData>((data) => data instanceof Object) });

/** Writes report.json and report.html into a run directory; returns the page's path. */
export async function writeReport(directory: string, data: ReportData): Promise<string> {
  await writeFileAtomically(join(directory, 'report.json'), JSON.stringify({ format, data }));
  return drawReport(directory, data);
}

/** Draws the page again from what the run has stored; nothing is computed anew. Returns the page's path. */
export async function redrawReport(directory: string): Promise<string> {
  const { command } = await readConfig(directory);
  if (command === 'bench') return drawMatrix(directory);
  const report = await readJsonIfThere(join(directory, 'report.json'), stored);
  if (report) return drawReport(directory, report.data);
  throw badData(directory, 'no report.json in it', 'a finished run', `finish it by: antidote resume ${directory}`);
}

async function drawReport(directory: string, data: ReportData): Promise<string> {
  const path = join(directory, 'report.html');
  await writeFileAtomically(path, renderReport(data));
  return path;
}
