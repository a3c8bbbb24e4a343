/** @file Horizontal bars for shares, each with its 95 % interval. */
import { confidence, type Proportion } from '../evaluation/interval.ts';
import { type Html, html } from './html.ts';
import { count, intervalOf, percentText, sampleOf, share } from './numbers.ts';
import { shareScale } from './scale.ts';

/** Colour of a bar; its label says the same in words. `subject` is a model without a comparison. */
export type BarTone = 'undefended' | 'purified' | 'subject' | 'reference';

export interface IntervalBar {
  readonly label: string;
  readonly tone: BarTone;
  readonly proportion: Proportion;
}

function bar({ label, tone, proportion }: IntervalBar): Html {
  const { low, high } = confidence(proportion);
  const [from, to] = [shareScale.at(low), shareScale.at(high)];
  const length = shareScale.at(share(proportion));
  // Geometry is in percent: the chart fills its column without stretching.
  return html`<li class="bar ${tone}">
    <span class="bar-name">${label}</span>
    <span class="bar-value">${percentText(proportion)}</span>
    <svg width="100%" height="14" aria-hidden="true">
      <title>${label}: ${percentText(proportion)}, 95 % interval ${intervalOf(proportion)}, ${count(proportion.hits)} of ${sampleOf(proportion)}</title>
      <rect class="track" width="100%" height="14" rx="2"/>
      <rect class="fill" width="${length}%" height="14" rx="2"/>
      <g class="whisker"><line x1="${from}%" x2="${to}%" y1="7" y2="7"/><line x1="${from}%" x2="${from}%" y1="3.5" y2="10.5"/><line x1="${to}%" x2="${to}%" y1="3.5" y2="10.5"/></g>
    </svg>
    <span class="bar-note">${intervalOf(proportion)}, n = ${sampleOf(proportion)}</span>
  </li>`;
}

/** Bars over a common axis from 0 to 100 %. */
export function intervalBars(bars: readonly IntervalBar[]): Html {
  return html`<ul class="bars">${bars.map(bar)}</ul>
  <svg class="axis" width="100%" height="20" aria-hidden="true">${shareScale.ticks.map((tick) => {
    const at = shareScale.at(tick);
    const anchor = tick === 0 ? 'start' : tick === 1 ? 'end' : 'middle';
    return html`<line x1="${at}%" x2="${at}%" y1="0" y2="4"/><text x="${at}%" y="16" text-anchor="${anchor}">${at}${tick === 1 && '\u202f%'}</text>`;
  })}</svg>`;
}
