/** @file Which classes gained and which paid: accuracy per class, before and after. */
import { changeOf } from '../evaluation/harm.ts';
import { type Html, html } from './html.ts';
import { points, shortened } from './numbers.ts';
import type { ClassAccuracy, ReportData } from './report-data.ts';
import { shareScale } from './scale.ts';

/** Rows shown at either end before the full list. */
const shown = 8;

const change = ({ n, undefended, purified }: ClassAccuracy) => changeOf({ n, before: undefended, after: purified });

/** Which of two equal changes is told first: the larger class's, then by name. */
const amongEquals = (a: ClassAccuracy, b: ClassAccuracy) => b.n - a.n || (a.label < b.label ? -1 : 1);

function row(one: ClassAccuracy): Html {
  const { label, n, undefended, purified } = one;
  const [from, to] = [shareScale.at(undefended / n), shareScale.at(purified / n)];
  const moved = change(one);
  return html`<tr><th scope="row"><bdi>${label}</bdi></th><td class="number">${n}</td>
    <td class="number">${from.toFixed(0)}</td><td class="number">${to.toFixed(0)}</td>
    <td class="number ${moved < 0 ? 'attack-ink' : moved > 0 && 'cure-ink'}">${points(moved)}</td>
    <td class="move"><svg width="100%" height="14" aria-hidden="true"><line class="track" x1="0" x2="100%" y1="7" y2="7"/><line class="${moved < 0 ? 'loss' : 'gain'}" x1="${from}%" x2="${to}%" y1="7" y2="7"/><circle class="from" cx="${from}%" cy="7" r="3.5"/><circle class="to" cx="${to}%" cy="7" r="4"/></svg></td></tr>`;
}

function table(caption: string, classes: readonly ClassAccuracy[]): Html {
  return html`<table class="classes"><caption>${caption}</caption>
    <thead><tr><th scope="col">Class</th><th scope="col" class="number">n</th><th scope="col" class="number">before<span class="unit"> %</span></th><th scope="col" class="number">after<span class="unit"> %</span></th><th scope="col" class="number">points</th><th scope="col" class="move"><span class="hidden">from 0 to 100 %</span></th></tr></thead>
    <tbody>${classes.map(row)}</tbody></table>`;
}

/** Null where accuracy per class was not kept. */
export function classChanges({ classes }: Pick<ReportData, 'classes'>): Html | null {
  // Classes without pictures say nothing.
  const counted = classes.filter(({ n }) => n > 0);
  if (counted.length === 0) return null;
  const sorted = [...counted].sort((a, b) => change(b) - change(a) || amongEquals(a, b));
  const gained = sorted.filter((one) => change(one) > 0);
  const lost = counted.filter((one) => change(one) < 0).sort((a, b) => change(a) - change(b) || amongEquals(a, b));
  const [largest] = lost;
  const smallest = sorted.reduce((least, { n }) => Math.min(least, n), Number.POSITIVE_INFINITY);
  return html`<section id="classes" aria-labelledby="classes-title">
    <h2 id="classes-title">Which classes changed</h2>
    <p class="lead">Accuracy on clean pictures rose for ${gained.length} classes, fell for ${lost.length} and stayed for ${sorted.length - gained.length - lost.length}.${largest && html` The largest loss is ${points(change(largest))} points (<bdi>${shortened(largest.label)}</bdi>).`} With as few as ${smallest} ${smallest === 1 ? 'picture' : 'pictures'} a class, a single class’s number is coarse.</p>
    <div class="columns">
      ${gained.length > 0 && table('Gained most', gained.slice(0, shown))}
      ${lost.length > 0 && table('Lost most', lost.slice(0, shown))}
    </div>
    ${sorted.length > Math.min(shown, gained.length) + Math.min(shown, lost.length) && html`<details><summary>All ${sorted.length} classes</summary>${table('All classes, most gained first', sorted)}</details>`}
  </section>`;
}
