/** @file Line charts of a stage: axes, a legend, and the values of the step under the pointer. No script. */
import { type Html, html } from './html.ts';
import { count, significant } from './numbers.ts';
import type { Curves } from './report-data.ts';
import { type Scale, stepScale, valueScale } from './scale.ts';

/** More points than a chart has pixels only make the file long. */
const mostPoints = 400;
/** Strips of a chart in which the pointer shows values. */
const mostMoments = 48;
/** Line styles in the style sheet: colours and dashes. */
const lineStyles = 6;

/**
 * Positions to draw, at most about `most`: the lowest and the highest value of every stretch, so that spikes survive.
 * Values that are not finite stay, since they break the line.
 */
export function thinned(values: readonly number[], most = mostPoints): number[] {
  if (values.length <= most) return values.map((_, at) => at);
  const kept = new Set([0, values.length - 1]);
  const stretch = Math.ceil((2 * values.length) / most);
  for (let start = 0; start < values.length; start += stretch) {
    const end = Math.min(values.length, start + stretch);
    let low: number | undefined;
    let high: number | undefined;
    for (let at = start; at < end; at++) {
      if (!Number.isFinite(values[at])) kept.add(at);
      else {
        if (low === undefined || values[at]! < values[low]!) low = at;
        if (high === undefined || values[at]! > values[high]!) high = at;
      }
    }
    if (low !== undefined && high !== undefined) kept.add(low).add(high);
  }
  return [...kept].sort((a, b) => a - b);
}

/** A path in a 100 x 100 square; a value that is not finite breaks the line. */
function path(steps: readonly number[], values: readonly number[], across: Scale, up: Scale): string {
  let pen = 'M';
  return thinned(values)
    .map((at) => {
      if (!Number.isFinite(values[at])) {
        pen = 'M';
        return '';
      }
      const point = `${pen}${across.at(steps[at]!)} ${Number((100 - up.at(values[at]!)).toFixed(2))}`;
      pen = 'L';
      return point;
    })
    .join('');
}

/** Vertical strips, each with a cursor and the values of its step, shown under the pointer. */
function moments({ steps, lines }: Curves, across: Scale, up: Scale): Html[] {
  const number = Math.min(mostMoments, steps.length);
  return Array.from({ length: number }, (_, moment) => {
    const at = number === 1 ? 0 : Math.round((moment * (steps.length - 1)) / (number - 1));
    const x = across.at(steps[at]!);
    const width = 100 / Math.max(1, number - 1);
    const shown = lines.filter(({ values }) => Number.isFinite(values[at]));
    return html`<g class="moment"><title>step ${count(steps[at]!)}${lines.map(({ name, values }) => `\n${name}: ${significant(values[at] ?? Number.NaN)}`)}</title>
      <rect x="${(x - width / 2).toFixed(2)}%" width="${width.toFixed(2)}%" height="100%"/>
      <line x1="${x}%" x2="${x}%" y1="0" y2="100%"/>${shown.map(({ values }) => html`<circle cx="${x}%" cy="${(100 - up.at(values[at]!)).toFixed(2)}%" r="3.5"/>`)}</g>`;
  });
}

/** The chart in words, for screen readers. */
function summary({ steps, lines }: Curves): string {
  const courses = lines.map(
    ({ name, values }) =>
      `${name} from ${significant(values[0] ?? Number.NaN)} to ${significant(values.at(-1) ?? Number.NaN)}`,
  );
  return `${courses.join('; ')}; steps ${count(steps[0] ?? 0)} to ${count(steps.at(-1) ?? 0)}`;
}

/** A figure with one line per measure. It is as wide as the page; text keeps its size. */
export function lineChart(curves: Curves): Html {
  const across = stepScale(curves.steps);
  const up = valueScale(curves.lines.flatMap(({ values }) => values));
  const style = (at: number) => (at % lineStyles) + 1;
  return html`<figure class="chart">
    <figcaption>${curves.title}</figcaption>
    <ul class="legend">${curves.lines.map(
      ({ name, values }, at) =>
        html`<li><svg width="26" height="10" aria-hidden="true"><line class="line-${style(at)}" x1="1" x2="25" y1="5" y2="5"/></svg>${name} <span class="last">${significant(values.at(-1) ?? Number.NaN)}</span></li>`,
    )}</ul>
    <div class="plot"><svg width="100%" height="190" role="img" aria-label="${curves.title}: ${summary(curves)}">
      <g class="grid">${up.ticks.map((tick) => {
        const y = Number((100 - up.at(tick)).toFixed(2));
        return html`<line x1="0" x2="100%" y1="${y}%" y2="${y}%"/><text x="0" dx="-8" y="${y}%" dy="4" text-anchor="end">${significant(tick)}</text>`;
      })}${across.ticks.map((tick) => {
        const x = across.at(tick);
        const anchor = x > 94 ? 'end' : x < 6 ? 'start' : 'middle';
        return html`<line class="tick" x1="${x}%" x2="${x}%" y1="100%" y2="100%"/><text x="${x}%" y="100%" dy="18" text-anchor="${anchor}">${count(tick)}</text>`;
      })}</g>
      <svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%">${curves.lines.map(
        ({ values }, at) => html`<path class="line-${style(at)}" d="${path(curves.steps, values, across, up)}"/>`,
      )}</svg>
      ${moments(curves, across, up)}
    </svg></div>
    <p class="axis-name">step</p>
  </figure>`;
}
