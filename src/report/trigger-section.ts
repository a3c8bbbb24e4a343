/** @file The true trigger beside the dummy ones that inversion found, and what those do to the shots. */
import { type Html, html } from './html.ts';
import { percent, shortened } from './numbers.ts';
import type { DummyTrigger, PngUrl, ReportData, TriggerPictures } from './report-data.ts';

/** Classes that are listed by name; the rest is added up. */
const listed = 6;

function picture(url: PngUrl, name: string, alt: string, legend: Html | null = null): Html {
  return html`<figure><img src="${url}" alt="${alt}" class="pixels"><figcaption>${name}${legend}</figcaption></figure>`;
}

function ramp(kind: 'mask' | 'difference', low: string, middle: string, high: string): Html {
  return html`<span class="ramp ${kind}"><i></i><span>${low}</span><span>${middle}</span><span>${high}</span></span>`;
}

function pictures(name: string, drawn: TriggerPictures): Html {
  const { factor } = drawn.difference;
  const reach = Math.round(127 / factor);
  return html`<div class="strip">
    ${picture(drawn.clean, 'clean', `A picture without the ${name}`)}
    ${picture(drawn.triggered, 'with it', `The same picture with the ${name}`)}
    ${picture(
      drawn.difference.picture,
      factor === 1 ? 'difference' : `difference, ${factor} times amplified`,
      `What the ${name} changes${factor === 1 ? '' : `, ${factor} times amplified`}, around mid grey`,
      ramp('difference', `\u2212${reach}`, '0', `+${reach} of 255`),
    )}
    ${drawn.mask && picture(drawn.mask, 'mask', `Where the ${name} covers the picture`, ramp('mask', '0', '', '1'))}
    ${drawn.pattern && picture(drawn.pattern, 'pattern', `What the ${name} paints`)}
  </div>
  <p class="facts">Form: ${drawn.form}. Changes ${percent(drawn.changed)} of the pixels, by at most ${drawn.largest} of 255 levels.</p>`;
}

function shares({ predicted }: DummyTrigger, target: string | null): Html | null {
  if (predicted.length === 0) return null;
  const named = predicted.slice(0, listed);
  const rest = 1 - named.reduce((sum, { share }) => sum + share, 0);
  const bar = (label: string, share: number, tone: string) => html`<li class="bar ${tone}">
    <span class="bar-name"><bdi title="${label}">${shortened(label)}</bdi></span><span class="bar-value">${percent(Math.max(0, Math.min(1, share)))}</span>
    <svg width="100%" height="10" aria-hidden="true"><rect class="track" width="100%" height="10" rx="2"/><rect class="fill" width="${(100 * share).toFixed(2)}%" height="10" rx="2"/></svg></li>`;
  return html`<h4>Shots that carry it are taken for</h4>
    <ul class="bars">${named.map(({ label, share }) => bar(label, share, label === target ? 'undefended' : 'reference'))}${rest > 0.0005 && bar('all other classes', rest, 'reference')}</ul>`;
}

function dummy(trigger: DummyTrigger, target: string | null): Html {
  const [first] = trigger.predicted;
  const found = first && first.label === target;
  return html`<section class="trigger">
    <h3>${trigger.name} <span class="tag">found by inversion</span></h3>
    ${pictures('dummy trigger', trigger.pictures)}
    ${shares(trigger, target)}
    ${found && html`<p class="facts">Its commonest class is the attacker’s target, of which the inversion knew nothing.</p>`}
    ${
      trigger.cosine !== null &&
      html`<p class="facts">It moves image features in a direction with cosine <strong>${trigger.cosine.toFixed(2).replace('-', '\u2212')}</strong> to the true trigger’s (oracle; 1 is the same direction, 0 unrelated).</p>`
    }
  </section>`;
}

/** Null where there is neither a true nor a dummy trigger to show. */
export function triggerSection({ trueTrigger, dummyTriggers, target, attack }: ReportData): Html | null {
  if (!trueTrigger && dummyTriggers.length === 0) return null;
  const lead =
    dummyTriggers.length === 0
      ? 'What is done to every triggered picture.'
      : 'Inversion looks for a change of the pixels that makes the model collapse. It need not look like the true trigger; it has to reach the same region of the feature space, so that prompts tuned against it hold against the true one.';
  return html`<section id="triggers" aria-labelledby="triggers-title">
    <h2 id="triggers-title">${dummyTriggers.length === 0 ? 'The trigger' : trueTrigger ? 'The trigger, true and found' : 'The trigger that was found'}</h2>
    <p class="lead">${lead}</p>
    <div class="triggers">
      ${trueTrigger && html`<section class="trigger"><h3>True trigger${attack !== null && html`: ${attack}`} <span class="tag">${dummyTriggers.length > 0 ? 'unknown to the defence' : 'as given'}</span></h3>${pictures('true trigger', trueTrigger)}</section>`}
      ${dummyTriggers.map((trigger) => dummy(trigger, target))}
    </div>
  </section>`;
}
