/** @file The result of a purification or an evaluation for a person: what was found, measured, and is left to measure. */
import type { ScanVerdict } from '../detection/suspicion.ts';
import { findingStamps, tunedOn } from '../report/finding.ts';
import type { JsonRecord } from '../runs/config.ts';
import { shellWord } from '../runs/shell-word.ts';
import { counted } from './counted.ts';
import { measuresTable, type Row } from './measures-table.ts';

/** A result of `purify`, `demo` or `evaluate`. Results of earlier versions lack `testClasses`. */
interface Result {
  readonly classes: number;
  readonly testClasses?: number;
  readonly attack: string | null;
  readonly undefended: (Row[1] & { readonly n: number }) | null;
  readonly purified: Row[1];
  readonly floor: { readonly asr: number | null };
  readonly finding?: {
    readonly verdict: ScanVerdict;
    readonly reasons: readonly string[];
    readonly dummies: readonly { readonly used: boolean }[];
  };
  readonly run: string;
  readonly report?: string;
  readonly seconds: number;
}

export function purifySummary(record: JsonRecord): readonly string[] {
  const result = record as unknown as Result;
  const { run, report, seconds } = result;
  return [
    ...foundIn(result),
    ...measuredIn(result),
    ...unmeasuredIn(result),
    `  run     ${run}   (${seconds} s)`,
    ...(report ? [`  report  ${report}`] : []),
  ];
}

function foundIn({ finding }: Result): string[] {
  if (!finding) return [];
  const { verdict, reasons, dummies } = finding;
  return [findingStamps[verdict].stamp, ...[...reasons, tunedOn(dummies)].map((sentence) => `  ${sentence}`), ''];
}

function measuredIn({ undefended, purified, floor, classes, testClasses }: Result): string[] {
  if (!undefended) return [];
  const rows: Row[] = [
    ['undefended', undefended],
    ['purified', purified],
    ['floor', floor.asr === null ? null : { asr: floor.asr }],
  ];
  const some = testClasses === undefined || testClasses === classes ? '' : `${testClasses} of `;
  return [
    ...measuresTable('', rows),
    `  on ${counted(undefended.n, 'picture')} of ${some}${counted(classes, 'class')}`,
    '',
  ];
}

/** How to measure what is still unknown. */
function unmeasuredIn({ attack, undefended, finding, run }: Result): string[] {
  if (attack !== null) return [];
  const flags = '--trigger badnet-fixed --target CLASS';
  if (!finding) return [`  ASR and RA are measured under a trigger: ${flags}`, ''];
  const what = undefended ? 'ASR was not measured' : 'Nothing was measured';
  return [`  ${what}: antidote evaluate ${shellWord(run)} --data DATA ${flags}`, ''];
}
