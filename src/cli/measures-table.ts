/** @file A table of percentages, with a row for each model, for a terminal. */
import type { Percentages } from '../evaluation/metrics.ts';

/** A row; a measure that is missing shows as a dash. */
export type Row = readonly [name: string, measures: Partial<Pick<Percentages, 'ca' | 'asr' | 'ra'>> | null];

/** Lines of a table with the columns CA, ASR and RA; rows without measures are left out. */
export function measuresTable(corner: string, rows: readonly Row[]): readonly string[] {
  const cell = (value: number | null | undefined) =>
    (typeof value === 'number' ? `${value.toFixed(2)} %` : '-').padStart(10);
  const head = ['CA', 'ASR', 'RA'].map((name) => name.padStart(10)).join('');
  return [
    `  ${corner.padEnd(14)}${head}`,
    ...rows.flatMap(([name, measures]) =>
      measures ? [`  ${name.padEnd(14)}${cell(measures.ca)}${cell(measures.asr)}${cell(measures.ra)}`] : [],
    ),
  ];
}
