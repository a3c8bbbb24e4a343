/** @file Which classes gained and which lost: accuracy per class, before and after. */
import { changeOf, equalChanges, harmOf, type RightAnswers } from '../evaluation/harm.ts';
import { type Html, html } from './html.ts';
import { points, shortened } from './numbers.ts';
import type { ReportData } from './report-data.ts';
import { shareScale } from './scale.ts';

/** Rows of each short table. */
const shown = 8;

function row(one: RightAnswers): Html {
  const { label, n, before, after } = one;
  const [from, to] = [shareScale.at(before / n), shareScale.at(after / n)];
  const change = changeOf(one);
  return html`<tr><th scope="row"><bdi>${label}</bdi></th><td class="number">${n}</td>
    <td class="number">${from.toFixed(0)}</td><td class="number">${to.toFixed(0)}</td>
    <td class="number ${change < 0 ? 'attack-ink' : change > 0 && 'cure-ink'}">${points(change)}</td>
    <td class="move"><svg width="100%" height="14" aria-hidden="true"><line class="track" x1="0" x2="100%" y1="7" y2="7"/><line class="${change < 0 ? 'loss' : 'gain'}" x1="${from}%" x2="${to}%" y1="7" y2="7"/><circle class="from" cx="${from}%" cy="7" r="3.5"/><circle class="to" cx="${to}%" cy="7" r="4"/></svg></td></tr>`;
}

function table(caption: string, classes: readonly RightAnswers[]): Html {
  return html`<table class="classes"><caption>${caption}</caption>
    <thead><tr><th scope="col">Class</th><th scope="col" class="number">n</th><th scope="col" class="number">before<span class="unit"> %</span></th><th scope="col" class="number">after<span class="unit"> %</span></th><th scope="col" class="number">points</th><th scope="col" class="move"><span class="hidden">from 0 to 100 %</span></th></tr></thead>
    <tbody>${classes.map(row)}</tbody></table>`;
}

/** Null where the run has no accuracy per class. */
export function classChangesSection({ classes }: Pick<ReportData, 'classes'>): Html | null {
  const rows = classes
    .filter(({ n }) => n > 0)
    .map(({ label, n, undefended, purified }) => ({ label, n, before: undefended, after: purified }));
  if (rows.length === 0) return null;
  const { gained, lost } = harmOf(rows);
  const mostGainedFirst = rows.toSorted((a, b) => changeOf(b) - changeOf(a) || equalChanges(a, b));
  const [largest] = lost;
  const smallest = Math.min(...rows.map(({ n }) => n));
  return html`<section id="classes" aria-labelledby="classes-title">
    <h2 id="classes-title">Which classes changed</h2>
    <p class="lead">Accuracy on clean pictures rose for ${gained.length} classes, fell for ${lost.length} and stayed for ${rows.length - gained.length - lost.length}.${largest && html` The largest loss is ${points(changeOf(largest))} points (<bdi>${shortened(largest.label)}</bdi>).`} With as few as ${smallest} ${smallest === 1 ? 'picture' : 'pictures'} a class, a single class’s number is coarse.</p>
    <div class="columns">
      ${gained.length > 0 && table('Gained most', gained.slice(0, shown))}
      ${lost.length > 0 && table('Lost most', lost.slice(0, shown))}
    </div>
    ${rows.length > Math.min(shown, gained.length) + Math.min(shown, lost.length) && html`<details><summary>All ${rows.length} classes</summary>${table('All classes, most gained first', mostGainedFirst)}</details>`}
  </section>`;
}
