/** @file The origin of every number: command, versions, hashes, settings, time. */
import type { Json } from '../runs/config.ts';
import { type Html, html } from './html.ts';
import { duration } from './numbers.ts';
import type { ReportData } from './report-data.ts';
import { shownSetting } from './run-provenance.ts';
import { stageWords } from './stage-words.ts';

/** Seconds; below this a time would be printed as 0. */
const leastShown = 0.05;

/** Nested settings as dotted names. Lists of plain values stay on one line. */
export function flattened(value: Json, name = ''): [string, string][] {
  if (Array.isArray(value) && value.every((item) => item === null || typeof item !== 'object')) {
    return [[name, value.length === 0 ? 'none' : value.map(String).join(', ')]];
  }
  if (value === null || typeof value !== 'object') return [[name, value === null ? 'not set' : String(value)]];
  return Object.entries(value).flatMap(([key, item]: [string, Json]) =>
    flattened(item, name === '' ? key : `${name}.${key}`),
  );
}

function pairs(entries: readonly (readonly [string, string])[], kind: string): Html {
  return html`<dl class="pairs ${kind}">${entries.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** Seconds of each work, whose parts are stages of their own; work that took no time is left out. */
function works(stages: ReportData['provenance']['stages']): ReportData['provenance']['stages'] {
  const seconds = new Map<string, number>();
  for (const stage of stages) {
    const { work } = stageWords(stage.name);
    seconds.set(work, (seconds.get(work) ?? 0) + stage.seconds);
  }
  return Array.from(seconds, ([name, seconds]) => ({ name, seconds })).filter(({ seconds }) => seconds >= leastShown);
}

function timings(all: ReportData['provenance']['stages']): Html | null {
  const stages = works(all);
  const total = all.reduce((sum, { seconds }) => sum + seconds, 0);
  if (total === 0) return null;
  let start = 0;
  const parts = stages.map(({ name, seconds }) => {
    const part = html`<rect x="${((100 * start) / total).toFixed(2)}%" width="${((100 * seconds) / total).toFixed(2)}%" height="12"><title>${name}: ${duration(seconds)}</title></rect>`;
    start += seconds;
    return part;
  });
  return html`<h3>Time</h3>
    <svg class="timeline" width="100%" height="12" aria-hidden="true">${parts}</svg>
    ${pairs([...stages.map(({ name, seconds }) => [name, duration(seconds)] as const), ['all stages', duration(total)]], 'times')}`;
}

export function provenanceSection({ provenance }: Pick<ReportData, 'provenance'>): Html {
  const settings = flattened(provenance.config).map(
    ([name, value]) => [shownSetting(provenance.repeat, name), value] as const,
  );
  return html`<section id="provenance" aria-labelledby="provenance-title">
    <h2 id="provenance-title">How to repeat it</h2>
    <p class="lead">This page was drawn from the stored run and measured nothing itself. With the same versions and the same number of threads, this command runs it again:</p>
    <pre class="command" tabindex="0" role="region" aria-label="Command"><code>${provenance.repeat.split(' ').map((word, at) => html`${at > 0 && ' '}<span>${word}</span>`)}</code></pre>
    <div class="columns">
      <section><h3>Versions</h3>${pairs(Object.entries(provenance.versions), 'versions')}</section>
      <section>${timings(provenance.stages)}</section>
    </div>
    ${Object.keys(provenance.hashes).length > 0 && html`<h3>SHA-256 of what went in</h3>${pairs(Object.entries(provenance.hashes), 'hashes')}`}
    ${settings.length > 0 && html`<h3>Settings</h3>${pairs(settings, 'settings')}`}
  </section>`;
}
