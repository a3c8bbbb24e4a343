/** @file The charts of a run: losses and other recorded measures of each stage, by step. */
import { type Html, html } from './html.ts';
import { lineChart } from './line-chart.ts';
import type { Curves } from './report-data.ts';
import { stageLine } from './stage-words.ts';

/** The title of a chart is the name of a stage, and after a colon that of its measures if there are several charts. */
function inWords(title: string): string {
  const [stage, ...measures] = title.split(': ');
  return [stageLine(stage!), ...measures].join(': ');
}

/**
 * Null where the run recorded no curves.
 *
 * @param meanings of the charts' names, where they need an explanation
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
    <div class="charts">${drawn.map((chart) => lineChart({ ...chart, title: inWords(chart.title) }))}</div>
    ${meanings.length > 0 && html`<dl class="meanings">${meanings.map(([name, meaning]) => html`<div><dt>${name}</dt><dd>${meaning}</dd></div>`)}</dl>`}
  </section>`;
}
