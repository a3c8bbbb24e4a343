/** @file The page of a matrix: the table, details of every cell, and the triggers. Data in, text out. */
import type { Overall } from '../../sweep/statistics.ts';
import { type Html, html, toText } from '../html.ts';
import { count, percent, points, shortened } from '../numbers.ts';
import { page, type Section } from '../page.ts';
import { provenanceSection } from '../provenance.ts';
import { triggerStrip } from '../trigger-section.ts';
import { cellsSection } from './cell-details.ts';
import { heatKey, heatMap, rateInk } from './heat-map.ts';
import { type MatrixData, needsOracleTag, type Panel, panelsOf } from './matrix-data.ts';
import { matrixStyle } from './matrix-style.ts';

interface Standing {
  readonly tone: 'neutral' | 'attack';
  readonly stamp: string;
  readonly detail: string;
}

function standing({ cells }: MatrixData): Standing {
  const failed = cells.filter(({ outcome }) => outcome?.kind === 'failed').length;
  const missing = cells.filter(({ outcome }) => outcome === null).length;
  if (missing > 0) {
    const done = cells.length - missing;
    return {
      tone: 'neutral',
      stamp: 'Unfinished',
      detail: `${count(done)} of ${count(cells.length)} cells are computed.`,
    };
  }
  if (failed > 0)
    return {
      tone: 'attack',
      stamp: `${failed} failed`,
      detail: `Of ${count(cells.length)} cells, ${failed} failed; their errors stand below.`,
    };
  return { tone: 'neutral', stamp: 'Complete', detail: `All ${count(cells.length)} cells are computed.` };
}

/** CBPT against no defense, on the first class list. */
function headline(data: MatrixData, panel: Panel): Html {
  const [before, after] = [overAllAttacks(panel, 'none'), overAllAttacks(panel, 'cbpt')];
  const rate = ({ asr, floor }: Overall) =>
    asr && html`<span class="${rateInk(asr.mean, floor)}">${percent(asr.mean / 100)}</span>`;
  if (before?.asr && after?.asr && before.ca && after.ca) {
    const change = (after.ca.mean - before.ca.mean) / 100;
    // Rows without a trigger have no ASR.
    const over = after.asr.n === 1 ? 'against one attack' : `over ${after.asr.n} attacks`;
    const robust =
      before.ra && after.ra && html`, RA from ${percent(before.ra.mean / 100)} to ${percent(after.ra.mean / 100)}`;
    return html`CBPT, ${over}: ASR from ${rate(before)} to ${rate(after)}${robust}, clean accuracy ${points(change)} points.`;
  }
  return html`${data.defenses.length} ${data.defenses.length === 1 ? 'defense' : 'defenses'} against ${panel.attacks.length} ${panel.attacks.length === 1 ? 'attack' : 'attacks'}.`;
}

/** Undefined while attacks are missing: means over different attacks are not comparable. */
function overAllAttacks({ overall, attacks }: Panel, defense: string): Overall | undefined {
  const found = overall(defense);
  return found?.attacks === attacks.length ? found : undefined;
}

function overallSection(panels: readonly Panel[]): Html {
  return html`<section id="table" aria-labelledby="table-title">
    <h2 id="table-title">Attacks against defenses</h2>
    <p class="lead">Large: attack success rate, mean over seeds, lower is better. Beneath: accuracy on clean pictures (CA) and on triggered ones (RA), higher is better. Choose a cell for its seeds, intervals and settings.</p>
    ${heatKey}
    ${panels.map(heatMap)}
  </section>`;
}

/** Null where the matrix lacks CBPT or a defense to compare it with. */
function comparisonSection({ statistics: { comparisons } }: MatrixData): Html | null {
  const compared = comparisons.filter(({ ca, asr }) => ca ?? asr);
  const [first] = compared;
  if (!first) return null;
  const chance = (p: number) => (p < 0.0001 ? 'p < 0.0001' : `p = ${p.toPrecision(2)}`);
  const cell = (found: (typeof comparisons)[number]['ca']) =>
    found
      ? html`<td class="number">${points(found.difference)}<small>${points(found.interval.low)} to ${points(found.interval.high)}<br>${chance(found.p)}</small></td>`
      : html`<td class="number muted">–</td>`;
  return html`<section id="comparisons" aria-labelledby="comparisons-title">
    <h2 id="comparisons-title">${first.reference} against each other defense</h2>
    <p class="lead">Points that ${first.reference} is above the other, on the same triggered and clean pictures, attacks and seeds taken together; 95 % bootstrap interval over drawings, and the exact paired test of no difference. Both are about these very runs, not about other seeds; tests are not corrected for their number.</p>
    <div class="scroll" role="region" aria-label="Comparisons" tabindex="0"><table class="numbers">
      <thead><tr><th scope="col">Against</th><th scope="col" class="names wide-only">Classes</th><th scope="col" class="number wide-only">shots</th><th scope="col" class="number wide-only">cells</th><th scope="col" class="number">ASR</th><th scope="col" class="number">CA</th></tr></thead>
      <tbody>${compared.map(({ defense, classes, shots, pairs, asr, ca }) => html`<tr><th scope="row"><bdi>${shortened(defense)}</bdi><small class="narrow-only">${shortened(classes)}, ${shots} shots</small></th><td class="wide-only"><bdi>${shortened(classes)}</bdi></td><td class="number wide-only">${shots}</td><td class="number wide-only">${pairs}</td>${cell(asr)}${cell(ca)}</tr>`)}</tbody>
    </table></div>
  </section>`;
}

function triggersSection({ triggers }: MatrixData): Html | null {
  if (triggers.length === 0) return null;
  return html`<section id="triggers" aria-labelledby="triggers-title">
    <h2 id="triggers-title">The triggers</h2>
    <p class="lead">What each attack does to every triggered test picture, drawn on the first of them.</p>
    <div class="triggers">${triggers.map(({ attack, target, pictures }) => html`<section class="trigger"><h3><bdi>${shortened(attack)}</bdi> <span class="tag">target: <bdi>${shortened(target)}</bdi></span></h3>${triggerStrip(`trigger of ${attack}`, pictures)}</section>`)}</div>
  </section>`;
}

function defensesSection({ defenses }: MatrixData): Html {
  return html`<section id="defenses" aria-labelledby="defenses-title">
    <h2 id="defenses-title">The defenses</h2>
    <dl class="meanings">${defenses.map((defense) => html`<div><dt><bdi>${defense.name}</bdi>${needsOracleTag(defense) && html` <span class="tag">oracle</span>`}</dt><dd>${defense.summary}</dd></div>`)}</dl>
  </section>`;
}

const limits: Html = html`<section id="limits" aria-labelledby="limits-title">
  <h2 id="limits-title">What this does not show</h2>
  <ul class="limits">
    <li><strong>These triggers were tested.</strong> A low ASR here says nothing about another trigger, another target, or the same trigger made larger or stronger.</li>
    <li><strong>One model was poisoned once for each attack.</strong> Seeds vary what the defender draws, not how the attacker trained.</li>
    <li><strong>An oracle is no defense.</strong> It is told what no defender knows, and shows what a method could reach at best.</li>
    <li><strong>Nobody adapted to the defenses.</strong> An attacker who knows one may build a trigger that survives it.</li>
    <li><strong>CBPT is a reconstruction.</strong> Class-wise Backdoor Prompt Tuning (arXiv 2502.19269) is rebuilt from its abstract; its free choices are this project’s, and so are the scaled recipes of the baselines.</li>
  </ul>
</section>`;

/**
 * Draws the page of a matrix, finished or not. Depends only on its argument; everything in it is escaped, so names,
 * errors and paths may hold any text.
 */
export function renderMatrix(data: MatrixData): string {
  const panels = panelsOf(data);
  const { tone, stamp, detail } = standing(data);
  const sections: readonly Section[] = [
    ['table', 'Table', overallSection(panels)],
    ['comparisons', 'Comparisons', comparisonSection(data)],
    ['triggers', 'Triggers', triggersSection(data)],
    ['defenses', 'Defenses', defensesSection(data)],
    ['cells', 'Cells', cellsSection(data)],
    ['limits', 'Limits', limits],
    ['provenance', 'Repeat it', provenanceSection(data)],
  ];
  return toText(
    page({
      subject: data.source,
      kind: 'Bench report',
      style: matrixStyle,
      verdict: { tone, stamp, headline: panels[0] ? headline(data, panels[0]) : html`An empty matrix.` },
      about: html`<p class="detail">${detail} Tables as files: <a href="results.csv">CSV</a>, <a href="results.json">JSON</a>, <a href="results.md">Markdown</a>.</p>`,
      sections,
      finished: data.provenance.finished,
      unfinished: data.cells.some(({ outcome }) => outcome === null),
    }),
  );
}
