/** @file The matrix as files for other programs: CSV with a line per cell, JSON, and Markdown with a table per class list and measure. */
import type { Json } from '../../runs/config.ts';
import { cellResult } from '../../sweep/result.ts';
import type { Measure } from '../../sweep/statistics.ts';
import { type MatrixData, needsOracleTag, type Panel, panelsOf } from './matrix-data.ts';
import { plainMean } from './mean-numbers.ts';

const columns = [
  'attack',
  'defense',
  'classes',
  'shots',
  'seed',
  'ca',
  'asr',
  'asrAll',
  'ra',
  'floor',
  'ceiling',
  'n',
  'sources',
  'classCount',
  'seconds',
  'peakBytes',
  'error',
  'key',
] as const;

/** One line for every cell that has an outcome. RFC 4180: commas, CRLF, quotes doubled. Percentages from 0 to 100. */
export function matrixCsv({ cells }: MatrixData): string {
  const lines = cells.flatMap(({ cell, outcome }) => {
    if (outcome === null) return [];
    const result = cellResult(cell, outcome);
    return [columns.map((name) => field(result[name] ?? null)).join(',')];
  });
  return `${[columns.join(','), ...lines].join('\r\n')}\r\n`;
}

/** Spreadsheets run text that begins like a formula: an apostrophe keeps it text. */
function field(value: Json): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = String(value);
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

/** Cells and their statistics. */
export function matrixJson({ cells, statistics, provenance, source }: MatrixData): string {
  const results = cells.flatMap(({ cell, outcome }) => (outcome === null ? [] : [cellResult(cell, outcome)]));
  const { versions, hashes, finished } = provenance;
  return `${JSON.stringify({ source, finished, versions, hashes, cells: results, ...statistics }, null, 2)}\n`;
}

const shown: readonly (readonly [Measure, string])[] = [
  ['asr', 'ASR'],
  ['ca', 'CA'],
  ['ra', 'RA'],
];

/** Percent, means over seeds with half of Student's 95 % interval; a table for each measure. */
export function matrixMarkdown(data: MatrixData): string {
  return panelsOf(data)
    .flatMap((panel) => [
      `## ${escaped(panel.classes)}, ${panel.shots} shots a class\n`,
      ...shown.map(([measure, name]) => measureTable(panel, measure, name)),
    ])
    .join('\n');
}

function measureTable(panel: Panel, measure: Measure, name: string): string {
  const names = panel.defenses.map((defense) => escaped(defense.name) + (needsOracleTag(defense) ? ' (oracle)' : ''));
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const lines = panel.attacks.map((attack) =>
    row([escaped(attack), ...panel.defenses.map((defense) => groupCell(panel, attack, defense.name, measure))]),
  );
  const mean = panel.defenses.map(({ name: defense }) => {
    const overall = panel.overall(defense);
    if (!overall || overall.attacks < overall.ofAttacks) return 'incomplete';
    return plainMean(overall[measure]);
  });
  return [
    row([name, ...names]),
    row(['---', ...names.map(() => '---:')]),
    ...lines,
    ...(panel.attacks.length > 1 ? [row([`**mean of ${panel.attacks.length}**`, ...mean])] : []),
    '',
  ].join('\n');
}

function groupCell(panel: Panel, attack: string, defense: string, measure: Measure): string {
  const group = panel.group(attack, defense);
  if (!group) return '';
  if (group.failed > 0) return `${group.failed} failed`;
  if (group.missing > 0) return 'to come';
  return plainMean(group[measure]);
}

/** Text without Markdown's markup. */
function escaped(text: string): string {
  return text.replace(/[\\`*_{}[\]<>|#]/g, '\\$&').replace(/[\r\n]+/g, ' ');
}
