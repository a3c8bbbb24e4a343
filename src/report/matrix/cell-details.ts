/** @file The numbers of every cell: by seed, with intervals, sizes, effort, error and options. */
import type { Measured } from '../../sweep/cell.ts';
import type { Group } from '../../sweep/statistics.ts';
import { type Html, html } from '../html.ts';
import { proportionCell } from '../measures-section.ts';
import { duration, percent, shortened } from '../numbers.ts';
import { flattened } from '../provenance.ts';
import { groupId, type MatrixCell, type MatrixData } from './matrix-data.ts';
import { meanOf, spreadOf } from './mean-numbers.ts';

function effort({ seconds, peakBytes, machine }: Measured): Html {
  return html`<td class="number">${duration(seconds)}<small>${peakBytes === null ? 'memory unknown' : `${(peakBytes / 2 ** 20).toFixed(0)}\u202fMiB`}<br><bdi title="${machine.processor}">${machine.threads} ${machine.threads === 1 ? 'thread' : 'threads'}</bdi></small></td>`;
}

function row({ cell, outcome, report }: MatrixCell): Html {
  const seed = html`<th scope="row">${cell.task.seed}${report !== null && html` <a href="${report}">report</a>`}</th>`;
  if (outcome === null) return html`<tr>${seed}<td colspan="6" class="muted">not computed yet</td></tr>`;
  if (outcome.kind === 'failed')
    return html`<tr class="red-row">${seed}<td colspan="6"><strong>failed</strong> <bdi>${outcome.error}</bdi></td></tr>`;
  const { ca, asr, asrAll, ra } = outcome.counts;
  const shares = [ca, asr, asrAll, ra, outcome.floor?.asr ?? null];
  return html`<tr>${seed}${shares.map((share) => proportionCell(share, '–'))}${effort(outcome)}</tr>`;
}

interface OneSeed {
  readonly seed: number;
  readonly outcome: Measured;
}

/** The first seed that was computed. */
function firstOf(cells: readonly MatrixCell[]): OneSeed | undefined {
  for (const { cell, outcome } of cells) if (outcome?.kind === 'measured') return { seed: cell.task.seed, outcome };
  return undefined;
}

/** Classes that lost accuracy. */
function harm({ seed, outcome }: OneSeed): Html | null {
  const { classes, rose, fell, meanLoss, lost } = outcome.harm;
  if (rose + fell === 0) return null;
  const named = lost
    .slice(0, 3)
    .map(({ label, n, before, after }) => `${shortened(label)} ${before} to ${after} of ${n}`);
  const change =
    fell === 0
      ? html`rose for ${rose} of ${classes} classes and fell for none`
      : html`rose for ${rose} and fell for ${fell} of ${classes} classes; the mean loss over all classes, gains not counted, is ${percent(meanLoss)}${named.length > 0 && html`; most for <bdi>${named.join('; ')}</bdi>`}`;
  return html`<p class="facts">With seed ${seed}, against hand-written prompts, accuracy ${change}.</p>`;
}

function pairs(title: string, entries: readonly (readonly [string, string])[]): Html | null {
  if (entries.length === 0) return null;
  return html`<h4>${title}</h4><dl class="pairs settings">${entries.map(([name, value]) => html`<div><dt>${name}</dt><dd><bdi>${value}</bdi></dd></div>`)}</dl>`;
}

function details(group: Group, data: MatrixData): Html {
  const own = data.cells.filter(
    ({ cell: { task } }) =>
      task.attack === group.attack &&
      task.defense === group.defense &&
      task.classes === group.classes &&
      task.shots === group.shots,
  );
  const { task } = own[0]!.cell;
  const first = firstOf(own);
  const state =
    group.failed > 0
      ? `${group.failed} failed`
      : group.missing > 0
        ? `${group.missing} to come`
        : `ASR ${meanOf(group.asr)}, CA ${meanOf(group.ca)}`;
  return html`<details><summary><bdi>${shortened(group.attack)}</bdi>, <bdi>${shortened(group.defense)}</bdi>, <bdi>${shortened(group.classes)}</bdi>, ${group.shots} shots <span class="tag ${group.failed > 0 && 'red'}">${state}</span></summary>
    <div id="${groupId(group)}" class="cell-details">
      <div class="scroll" role="region" aria-label="Numbers by seed" tabindex="0"><table class="numbers">
        <thead><tr><th scope="col">Seed</th><th scope="col" class="number">CA</th><th scope="col" class="number">ASR</th><th scope="col" class="number">ASR over all</th><th scope="col" class="number">RA</th><th scope="col" class="number">floor</th><th scope="col" class="number">effort</th></tr></thead>
        <tbody>${own.map(row)}${own.length > 1 && html`<tr><th scope="row">mean</th>${[group.ca, group.asr, group.asrAll, group.ra].map((mean) => html`<td class="number">${meanOf(mean)}<small>${spreadOf(mean)}</small></td>`)}<td></td><td></td></tr>`}</tbody>
      </table></div>
      ${first && harm(first)}
      ${first && pairs(`What the defense tells of itself, with seed ${first.seed}`, flattened(first.outcome.notes))}
      ${pairs('Settings', flattened({ model: task.model, data: task.data, test: task.test, ...task.options }))}
      <p class="facts">Keys: ${group.keys.map((key) => html`<code>${key.slice(0, 16)}</code> `)}</p>
    </div></details>`;
}

export function cellsSection(data: MatrixData): Html {
  return html`<section id="cells" aria-labelledby="cells-title">
    <h2 id="cells-title">Every cell</h2>
    <p class="lead">Beside each share is its 95 % interval for the test pictures of one seed; views of one drawing count as what they are worth. Means carry Student’s 95 % interval over seeds.</p>
    ${data.statistics.groups.map((group) => details(group, data))}
  </section>`;
}
