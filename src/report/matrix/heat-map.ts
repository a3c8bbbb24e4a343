/** @file The table of attacks against defenses: attack success as colour and number, accuracies beneath. */
import type { Group, Means } from '../../sweep/statistics.ts';
import { type Html, html } from '../html.ts';
import { percent, shortened } from '../numbers.ts';
import { attackInk, restoredFrom, thresholds } from '../thresholds.ts';
import { groupId, needsOracleTag, type Panel } from './matrix-data.ts';
import { meanOf, spreadOf } from './mean-numbers.ts';

/** Shades in the style sheet, besides shade 0, which is a closed backdoor. */
export const shades = 10;

/** @param asr in percent. At most one percent, or one point above the floor, is closed, as in the verdict of a single run. */
export function shadeOf(asr: number, floor: number | null): number {
  if (asr <= 100 * thresholds.closed + (floor ?? 0)) return 0;
  return Math.max(1, Math.min(shades, Math.ceil((asr / 100) * shades)));
}

/** Colour of a rate in a sentence. @param asr in percent */
export function rateInk(asr: number, floor: number | null): ReturnType<typeof attackInk> {
  return shadeOf(asr, floor) === 0 ? 'cure-ink' : attackInk(asr / 100, (floor ?? 0) / 100);
}

/** Whether triggered pictures are read correctly as often as a cure asks. Percent. */
function isRestored(ra: number, ceiling: number): boolean {
  return ra >= restoredFrom(ceiling);
}

/** A background, and a word where a closed backdoor is no cure. */
function looks({ asr, ra }: Means, floor: number | null, ceiling: number | null): { shade: string; note: Html | null } {
  if (!asr) return { shade: 'unmeasured', note: null };
  const shade = shadeOf(asr.mean, floor);
  const half = shade === 0 && ra !== null && ceiling !== null && !isRestored(ra.mean, ceiling);
  return {
    shade: `shade-${shade}${half ? ' half' : ''}`,
    note: half ? html`<span class="open">RA below ${percent(restoredFrom(ceiling) / 100)}</span>` : null,
  };
}

function numbers({ asr, ca, ra }: Means): Html {
  const small = (name: string, mean: Means['ca']) =>
    mean && html`<span><abbr>${name}</abbr> ${meanOf(mean)} <i>${spreadOf(mean)}</i></span>`;
  const rate = asr ? html`<span><b>${meanOf(asr)}</b> <i>${spreadOf(asr)}</i></span>` : html`<b>–</b>`;
  return html`${rate}${small('CA', ca)}${small('RA', ra)}`;
}

function cell(group: Group | undefined, ceiling: number | null): Html {
  if (!group) return html`<td></td>`;
  const { failed, missing, floor } = group;
  const state =
    failed > 0
      ? html`<span class="red">${failed} failed</span>`
      : missing > 0 && html`<span class="open">${missing} to come</span>`;
  const { shade, note } = failed > 0 ? { shade: 'failed', note: null } : looks(group, floor, ceiling);
  const known = group.ca !== null;
  return html`<td class="heat ${shade}"><a href="#${groupId(group)}">${known && numbers(group)}${note}${state}<span class="hidden">, details</span></a></td>`;
}

function meanRow(panel: Panel): Html | null {
  if (panel.attacks.length < 2) return null;
  return html`<tr class="mean"><th scope="row">mean of ${panel.attacks.length}</th><td class="floor"></td>${panel.defenses.map(
    ({ name }) => {
      const overall = panel.overall(name);
      if (!overall || overall.attacks === 0) return html`<td class="heat unmeasured">–</td>`;
      const partial = overall.attacks < overall.ofAttacks;
      const { shade, note } = looks(overall, overall.floor, panel.overallCeiling(name));
      return html`<td class="heat ${shade}">${numbers(overall)}${note}${partial && html`<span class="open">${overall.attacks} of ${overall.ofAttacks} attacks</span>`}</td>`;
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
    ${panel.defenses.length > 1 && html`<p class="sideways">${panel.defenses.length} defenses side by side: scroll the table to the right.</p>`}
    <div class="scroll" role="region" aria-label="Attacks against defenses, ${panel.classes}, ${panel.shots} shots" tabindex="0"><table class="matrix">
      <thead><tr><th scope="col">Attack</th><th scope="col" class="floor">floor</th>${panel.defenses.map((defense) => html`<th scope="col" title="${defense.summary}"><bdi>${shortened(defense.name)}</bdi>${needsOracleTag(defense) && html` <span class="tag">oracle</span>`}</th>`)}</tr></thead>
      <tbody>${panel.attacks.map(
        (attack, at) =>
          html`<tr><th scope="row"><bdi title="${attack}">${shortened(attack)}</bdi><small class="floor-beneath">floor ${shownFloor(floors[at])}</small></th><td class="floor">${shownFloor(floors[at])}</td>${panel.defenses.map(({ name }) => cell(panel.group(attack, name), panel.ceiling(attack, name)))}</tr>`,
      )}${meanRow(panel)}</tbody>
    </table></div>
  </section>`;
}

const shownFloor = (floor: number | null | undefined) =>
  floor === null || floor === undefined ? '–' : percent(floor / 100);

/** Legend of the colours. */
export const heatKey: Html = html`<ul class="heat-key" aria-label="Colours">
  <li><i class="heat shade-0"></i> closed: an ASR of at most ${percent(thresholds.closed)}, or that much above the floor</li>
  <li><i class="heat shade-0 half"></i> closed, but RA is below the percentage that the cell names, ${percent(thresholds.restored)} of its ceiling: of the RA of the model before poisoning under the same trigger, or else of CA. Half a cure</li>
  <li><i class="heat shade-1"></i><i class="heat shade-4"></i><i class="heat shade-7"></i><i class="heat shade-10"></i> open, up to 100${'\u202f'}%</li>
  <li><i class="heat failed"></i> a cell failed</li>
</ul>`;
