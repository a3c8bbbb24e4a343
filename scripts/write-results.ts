/** @file docs/results.md from a finished bench, and its result for the repository: `tsx scripts/write-results.ts DIR`. */
import { mkdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gatherMatrix } from '../src/cli/matrix-files.ts';
import { matrixMarkdown } from '../src/report/matrix/exports.ts';
import { panelsOf } from '../src/report/matrix/matrix-data.ts';
import { writeFileAtomically } from '../src/tensor/files/atomic-file.ts';
import { writeJson } from '../src/tensor/files/json-file.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const { positionals, values: flags } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string', default: join(root, 'docs/results.md') } },
});
const [directory] = positionals;
if (directory === undefined) throw new Error('usage: tsx scripts/write-results.ts DIR [--out FILE]');

const data = await gatherMatrix(directory);
const waiting = data.cells.filter(({ outcome }) => outcome === null).length;
if (waiting > 0) throw new Error(`${directory}: found ${waiting} cells to come, expected a finished bench`);

const { repeat, finished, versions, config } = data.provenance;
const failed = data.cells.filter(({ outcome }) => outcome?.kind === 'failed').length;
const hours = data.provenance.stages.reduce((sum, { seconds }) => sum + seconds, 0) / 3600;

/** The bars of the method (docs/method.md), in percentage points. */
const bars = { asr: 0.39, aboveFloor: 0.2, worst: 1, lost: 0.9 };

/** Whether CBPT meets them on each class list; empty where the matrix lacks CBPT, or some of its attacks. */
const met = panelsOf(data).flatMap((panel) => {
  const [none, cbpt] = [panel.overall('none'), panel.overall('cbpt')];
  if (!none?.ca || !cbpt?.asr || !cbpt.ca || !cbpt.worst || cbpt.attacks < cbpt.ofAttacks) return [];
  const rows = [
    { what: 'mean ASR of CBPT', value: cbpt.asr.mean, most: Math.max(bars.asr, (cbpt.floor ?? 0) + bars.aboveFloor) },
    { what: `worst ASR of CBPT (${cbpt.worst.attack})`, value: cbpt.worst.asr, most: bars.worst },
    { what: 'points of CA lost', value: none.ca.mean - cbpt.ca.mean, most: bars.lost },
  ];
  return rows.map(
    ({ what, value, most }) =>
      `| ${panel.classes} | ${what} | ${value.toFixed(2)} | at most ${most.toFixed(2)} | ${value <= most ? 'met' : '**missed**'} |`,
  );
});

const name = basename(data.source).replace(/\.ya?ml$/, '');
const text = `# Results: ${name}

Written by \`scripts/write-results.ts\` from a run; do not edit. Percentages: means over seeds, ± half of Student's 95 %
interval where three or more seeds differ; in the last row means over attacks, with the interval over them. ASR counts
triggered pictures that are not of the target class. An oracle is told what no defender knows.

\`\`\`sh
${repeat}
\`\`\`

Finished ${finished.slice(0, 10)}, ${data.cells.length} cells${failed > 0 ? `, of which ${failed} failed` : ''}, ${hours.toFixed(1)} hours of computing. ${Object.entries(
  versions,
)
  .map(([name, version]) => `${name} ${version}`)
  .join(', ')}, device ${(config as { device: string }).device}.

${met.length > 0 ? `| classes | bar | measured | | |\n| --- | --- | ---: | --- | --- |\n${met.join('\n')}\n\n` : ''}${matrixMarkdown(data)}`;

await writeFileAtomically(flags.out, text);
console.log(flags.out);

// The numbers of the tables, beside the matrix file.
const results = join(root, 'bench/results');
await mkdir(results, { recursive: true });
const kept = join(results, `${name}.json`);
const result = JSON.parse(await readFile(join(directory, 'result.json'), 'utf8'));
// The run's folder without the paths of the machine that made it.
const places = { run: basename(directory), report: `${basename(directory)}/report.html` };
await writeJson(kept, { ...result, ...places });
console.log(kept);
