/** @file The charts of a run: each stage's losses, and what else was recorded, step by step. */
import { type Html, html } from './html.ts';
import { lineChart } from './line-chart.ts';
import type { Curves } from './report-data.ts';

/**
 * Null where the run recorded no course.
 *
 * @param meanings what the names in the charts mean, where they do not say it themselves
 */
export function curvesSection(
  curves: readonly Curves[],
  meanings: readonly (readonly [name: string, meaning: string])[] = [],
): Html | null {
  const drawn = curves.filter(({ steps, lines }) => steps.length > 0 && lines.length > 0);
  if (drawn.length === 0) return null;
  return html`<section id="curves" aria-labelledby="curves-title">
    <h2 id="curves-title">How the training went</h2>
    <p class="lead">Each measure as it was recorded; beside its name, its last value. Point at a chart to read a single step.</p>
    <div class="charts">${drawn.map(lineChart)}</div>
    ${meanings.length > 0 && html`<dl class="meanings">${meanings.map(([name, meaning]) => html`<div><dt>${name}</dt><dd>${meaning}</dd></div>`)}</dl>`}
  </section>`;
}
