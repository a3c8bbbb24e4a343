/** @file The measurements: accuracy, attack success and robust accuracy, before and after, with their meanings. */
import type { Proportion } from '../evaluation/interval.ts';
import type { Measures } from '../evaluation/metrics.ts';
import { type Html, html } from './html.ts';
import { type IntervalBar, intervalBars } from './interval-bars.ts';
import { intervalOf, percentText, points, sampleOf, share } from './numbers.ts';
import type { ReportData } from './report-data.ts';
import { measuredInk, thresholds } from './thresholds.ts';

interface Measure {
  readonly key: keyof Measures;
  readonly short: string;
  readonly name: string;
  readonly meaning: string;
}

const measures: readonly Measure[] = [
  {
    key: 'asr',
    short: 'ASR',
    name: 'Attack success rate',
    meaning: 'Triggered test pictures, not of the target class, that are classified as the target. Lower is better.',
  },
  {
    key: 'ca',
    short: 'CA',
    name: 'Clean accuracy',
    meaning: 'Clean test pictures classified as their class. Higher is better.',
  },
  {
    key: 'ra',
    short: 'RA',
    name: 'Robust accuracy',
    meaning:
      'Triggered test pictures, not of the target class, that are classified as their own class. A low ASR with a low RA is not a cure. Higher is better.',
  },
];

interface Row {
  readonly kind: 'undefended' | 'purified' | 'clean';
  readonly name: string;
  readonly tone: IntervalBar['tone'];
  readonly measures: Measures;
}

function rows(data: ReportData): Row[] {
  const found: (Row | null)[] = [
    // A model without a purified one is neither before nor after.
    {
      kind: 'undefended',
      ...(data.purified
        ? ({ name: 'Undefended', tone: 'undefended' } as const)
        : ({ name: 'This model', tone: 'subject' } as const)),
      measures: data.undefended,
    },
    data.purified && { kind: 'purified', name: 'Purified', tone: 'purified', measures: data.purified },
    data.clean && { kind: 'clean', name: 'Clean model', tone: 'reference', measures: data.clean },
  ];
  return found.filter((row) => row !== null);
}

/** The bars of one measure; the clean model's ASR is labelled as the floor. */
function barsOf(data: ReportData, measure: Measure): IntervalBar[] {
  const found = rows(data).flatMap(({ kind, name, tone, measures }): IntervalBar[] => {
    const proportion = measures[measure.key];
    if (!proportion || (measure.key === 'asr' && kind === 'clean')) return [];
    const label = measure.key === 'ra' && kind === 'clean' ? 'Ceiling: clean model' : name;
    return [{ label, tone: kind === 'purified' ? purifiedTone(data, measure) : tone, proportion }];
  });
  if (measure.key !== 'asr') return found;
  const { floor } = data;
  return floor && found.length > 0
    ? [...found, { label: `Floor: ${floor.from}`, tone: 'reference', proportion: floor.asr }]
    : found;
}

/** The colour of a number of the purified model says whether it is good; its label says whose it is. */
type Ink = ReturnType<typeof measuredInk>;

function inkAfter({ undefended, purified, floor }: ReportData, { key }: Measure): Ink {
  const [before, after] = [undefended[key], purified?.[key]];
  if (!before || !after) return null;
  if (key === 'asr') return measuredInk(after, floor && share(floor.asr));
  return share(after) >= share(before) - thresholds.kept ? 'cure-ink' : 'attack-ink';
}

function purifiedTone(data: ReportData, measure: Measure): IntervalBar['tone'] {
  const ink = inkAfter(data, measure);
  return ink === 'cure-ink' ? 'purified' : ink === 'attack-ink' ? 'undefended' : 'subject';
}

function tile(data: ReportData, measure: Measure): Html | null {
  const before = data.undefended[measure.key];
  if (!before) return null;
  const after = data.purified?.[measure.key];
  const change = after ? share(after) - share(before) : 0;
  const ink = inkAfter(data, measure);
  const isAttack = measure.key !== 'asr' || share(before) >= thresholds.attacked;
  const good = measure.key === 'asr' ? change <= 0 || ink === 'cure-ink' : ink === 'cure-ink';
  return html`<section class="tile">
    <h3>${measure.name} <abbr>${measure.short}</abbr></h3>
    <p class="big"><span class="${after && isAttack && 'attack-ink'}">${percentText(before)}</span>${
      after &&
      html` <svg class="arrow" viewBox="0 0 24 12" width="24" height="12" role="img" aria-label="becomes"><path d="M1 6h20M16 1.5 21.5 6 16 10.5"/></svg> <span class="${ink}">${percentText(after)}</span> <span class="change ${good ? 'good' : 'bad'}">${points(change)} points</span>`
    }</p>
    ${intervalBars(barsOf(data, measure))}
    <p class="meaning">${measure.meaning}</p>
  </section>`;
}

/** @param unmeasured text where there is no number */
export function proportionCell(proportion: Proportion | null, unmeasured: string): Html {
  if (!proportion) return html`<td class="number muted">${unmeasured}</td>`;
  return html`<td class="number">${percentText(proportion)}<small>${intervalOf(proportion)}<br>${proportion.hits} of ${sampleOf(proportion)}</small></td>`;
}

/** One tile per measure: the number before and after, its bars, its meaning. */
export function measureTiles(data: ReportData): Html {
  return html`<h2 class="hidden">${data.purified ? 'Before and after' : 'In short'}</h2>
    <div class="tiles">${measures.map((measure) => tile(data, measure))}</div>`;
}

/** Meanings of the columns of a table of numbers, for a list of meanings. */
export const columnMeanings: Html = html`${measures.map(({ short, meaning }) => html`<div><dt>${short}</dt><dd>${meaning}</dd></div>`)}
      <div><dt>ASR over all</dt><dd>The other convention in use: it counts triggered pictures of the target class too, which are no success of the attack.</dd></div>`;

/** A table of all measured numbers. */
export function measuresSection(data: ReportData): Html {
  return html`<section id="numbers" aria-labelledby="numbers-title">
    <h2 id="numbers-title">Every number</h2>
    <p class="lead">Measured on ${data.task.test}, ${data.task.classes} classes. The interval is Wilson’s at 95 %: how far a share could be off because only so many pictures were tested. Views of one drawing are not independent, so it counts how far they agree: at worst each drawing once. It does not cover another training run or another seed.</p>
    <div class="scroll" role="region" aria-label="Table of all numbers" tabindex="0"><table class="numbers">
      <thead><tr><th scope="col">Model</th><th scope="col" class="number">CA</th><th scope="col" class="number">ASR</th><th scope="col" class="number">ASR over all</th><th scope="col" class="number">RA</th></tr></thead>
      <tbody>${rows(data).map(
        ({ name, measures: { ca, asr, asrAll, ra } }) =>
          html`<tr><th scope="row">${name}</th>${[ca, asr, asrAll, ra].map((found) => proportionCell(found, 'not measured'))}</tr>`,
      )}${data.floor && !data.clean && html`<tr><th scope="row">Floor: ${data.floor.from}</th><td></td>${proportionCell(data.floor.asr, 'not measured')}<td></td><td></td></tr>`}</tbody>
    </table></div>
    <dl class="meanings">${columnMeanings}
      <div><dt>Floor</dt><dd>The ASR of a model without the backdoor, or of this one without the trigger: some pictures are taken for the target anyway, and no defense can beat that.</dd></div>
      ${data.dummyTriggers.some(({ cosine }) => cosine !== null) && html`<div><dt>Oracle</dt><dd>What a defender cannot know: here the true trigger, which every dummy trigger is compared with.</dd></div>`}
    </dl>
  </section>`;
}
