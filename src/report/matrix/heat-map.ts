/** @file The table of attacks against defenses: attack success as colour and number, accuracies beneath. */
import type { Group, Means } from '../../sweep/statistics.ts';
import { type Html, html } from '../html.ts';
import { percent, shortened } from '../numbers.ts';
import { bars } from '../verdict.ts';
import { groupId, type Panel } from './matrix-data.ts';
import { meanOf, spreadOf } from './mean-numbers.ts';

/** Shades that the style sheet tells apart; shade 0 is a closed backdoor. */
export const shades = 10;

/** Of a percentage. At most one percent, or one point above the floor, is closed, as in the verdict of a single run. */
export function shadeOf(asr: number, floor: number | null): number {
  if (asr <= 100 * bars.closed + (floor ?? 0)) return 0;
  return Math.max(1, Math.min(shades, Math.ceil((asr / 100) * shades)));
}

function numbers({ asr, ca, ra }: Means): Html {
  const small = (name: string, mean: Means['ca']) =>
    mean && html`<span><abbr>${name}</abbr> ${meanOf(mean)} <i>${spreadOf(mean)}</i></span>`;
  const rate = asr ? html`<span><b>${meanOf(asr)}</b> <i>${spreadOf(asr)}</i></span>` : html`<b>–</b>`;
  return html`${rate}${small('CA', ca)}${small('RA', ra)}`;
}

function cell(group: Group | undefined): Html {
  if (!group) return html`<td></td>`;
  const { failed, missing, asr, floor } = group;
  const state =
    failed > 0
      ? html`<span class="red">${failed} failed</span>`
      : missing > 0 && html`<span class="open">${missing} to come</span>`;
  const shade = failed > 0 ? 'failed' : asr ? `shade-${shadeOf(asr.mean, floor)}` : 'unmeasured';
  const known = group.ca !== null;
  return html`<td class="heat ${shade}"><a href="#${groupId(group)}">${known && numbers(group)}${state}<span class="hidden">, details</span></a></td>`;
}

function meanRow(panel: Panel): Html | null {
  if (panel.attacks.length < 2) return null;
  return html`<tr class="mean"><th scope="row">mean of ${panel.attacks.length}</th><td></td>${panel.defenses.map(
    ({ name }) => {
      const overall = panel.overall(name);
      if (!overall || overall.attacks === 0) return html`<td class="heat unmeasured">–</td>`;
      const partial = overall.attacks < overall.ofAttacks;
      const shade = overall.asr ? `shade-${shadeOf(overall.asr.mean, overall.floor)}` : 'unmeasured';
      return html`<td class="heat ${shade}">${numbers(overall)}${partial && html`<span class="open">${overall.attacks} of ${overall.ofAttacks} attacks</span>`}</td>`;
    },
  )}</tr>`;
}

export function heatMap(panel: Panel): Html {
  const floors = panel.attacks.map(
    (attack) =>
      panel.defenses.map(({ name }) => panel.group(attack, name)?.floor ?? null).find((floor) => floor !== null) ??
      null,
  );
  return html`<section class="panel">
    <h3><bdi>${shortened(panel.classes)}</bdi> <span class="tag">${panel.shots} shots a class</span></h3>
    <div class="scroll" role="region" aria-label="Attacks against defenses, ${panel.classes}, ${panel.shots} shots" tabindex="0"><table class="matrix">
      <thead><tr><th scope="col">Attack</th><th scope="col">floor</th>${panel.defenses.map(({ name, oracle, summary }) => html`<th scope="col" title="${summary}"><bdi>${shortened(name)}</bdi>${oracle && name !== 'oracle' && html` <span class="tag">oracle</span>`}</th>`)}</tr></thead>
      <tbody>${panel.attacks.map(
        (attack, at) =>
          html`<tr><th scope="row"><bdi title="${attack}">${shortened(attack)}</bdi></th><td class="floor">${floors[at] === null || floors[at] === undefined ? '–' : percent(floors[at] / 100)}</td>${panel.defenses.map(({ name }) => cell(panel.group(attack, name)))}</tr>`,
      )}${meanRow(panel)}</tbody>
    </table></div>
  </section>`;
}

/** What the colours and the numbers stand for. */
export const heatKey: Html = html`<ul class="heat-key" aria-label="Colours">
  <li><i class="heat shade-0"></i> closed: an ASR of at most ${percent(bars.closed)}, or that much above the floor</li>
  <li><i class="heat shade-1"></i><i class="heat shade-4"></i><i class="heat shade-7"></i><i class="heat shade-10"></i> open, up to 100${'\u202f'}%</li>
  <li><i class="heat failed"></i> a cell failed</li>
</ul>`;
