/** @file The true trigger beside the dummy triggers, and the effect of those on the shots. */
import type { Suspicion } from '../detection/suspicion.ts';
import type { PngUrl } from '../triggers/png.ts';
import { type TriggerPictures, visibleLevels } from '../triggers/trigger-pictures.ts';
import { fateOf, tunedOn } from './finding.ts';
import { type Html, html } from './html.ts';
import { percent, shortened } from './numbers.ts';
import type { ReportData, ShownTrigger } from './report-data.ts';
import { triggerWords } from './stage-words.ts';

/** Number of classes listed by name; the others are summed. */
const listed = 6;

function picture(url: PngUrl, name: string, alt: string, legend: Html | null = null): Html {
  return html`<figure><img src="${url}" alt="${alt}" class="pixels"><figcaption>${name}${legend}</figcaption></figure>`;
}

/** A grey scale with the values of its ends and its middle. */
function ramp(low: string, middle: string, high: string): Html {
  return html`<span class="ramp"><i></i><span>${low}</span><span>${middle}</span><span>${high}</span></span>`;
}

/** In a fixed order, so that triggers below one another can be compared by column. */
export function triggerStrip(name: string, drawn: TriggerPictures): Html {
  const { picture: difference, factor } = drawn.difference;
  const times = factor === 1 ? '' : `, amplified ${factor} times`;
  const reach = Math.round(127 / factor);
  return html`<div class="strip">
    ${picture(drawn.clean, 'clean', `A picture without the ${name}`)}
    ${picture(drawn.triggered, 'with the trigger', `The same picture with the ${name}`)}
    ${picture(difference, `difference${times}`, `What the ${name} changes${times}, around mid grey`, ramp(`\u2212${reach}`, '0', `+${reach}`))}
    ${drawn.pattern && picture(drawn.pattern, drawn.mask ? 'pattern, through its mask' : 'pattern', `What the ${name} paints`)}
    ${drawn.mask && picture(drawn.mask, 'mask', `Where the ${name} covers the picture`, ramp('0', '', '1'))}
  </div>`;
}

function facts({ form, changed, visible, largest }: TriggerPictures): Html {
  const atAll = html`Changes ${percent(changed)} of the pixels of this picture`;
  const pixels =
    visible === undefined || visible === changed || largest < visibleLevels
      ? atAll
      : html`Changes ${percent(visible)} of the pixels of this picture by ${visibleLevels} levels or more, and ${percent(changed)} at all`;
  return html`<p class="facts">Form: ${form}. ${pixels}, by at most ${largest} of 255 levels.</p>`;
}

function shares({ predicted }: ShownTrigger, targets: readonly string[]): Html | null {
  if (predicted.length === 0) return null;
  const named = predicted.slice(0, listed);
  const rest = 1 - named.reduce((sum, { share }) => sum + share, 0);
  const bar = (label: string, share: number, tone: string) => html`<li class="bar ${tone}">
    <span class="bar-name"><bdi title="${label}">${shortened(label)}</bdi></span><span class="bar-value">${percent(Math.max(0, Math.min(1, share)))}</span>
    <svg width="100%" height="10" aria-hidden="true"><rect class="track" width="100%" height="10" rx="2"/><rect class="fill" width="${(100 * share).toFixed(2)}%" height="10" rx="2"/></svg></li>`;
  return html`<h4>Shots of all classes that carry it are taken for</h4>
    <ul class="bars">${named.map(({ label, share }) => bar(label, share, targets.includes(label) ? 'undefended' : 'reference'))}${rest > 0.0005 && bar('all other classes', rest, 'reference')}</ul>`;
}

function dummy(trigger: ShownTrigger, target: string | null, suspicion: Suspicion | null): Html {
  const { words, isSign } = fateOf(trigger, suspicion);
  const targets = target === null ? (suspicion?.targets ?? []) : [target];
  const found = trigger.predicted[0]?.label === target;
  return html`<section class="trigger">
    <h3>${triggerWords(trigger.name)} <span class="tag ${isSign && 'attack-ink'}">${words}</span></h3>
    ${triggerStrip('dummy trigger', trigger.pictures)}
    <div>
      ${facts(trigger.pictures)}
      ${shares(trigger, targets)}
      ${found && html`<p class="facts">Their commonest class is the attacker’s target.</p>`}
      ${
        trigger.cosine !== null &&
        html`<p class="facts">It moves image features in a direction with cosine <strong>${trigger.cosine.toFixed(2).replace('-', '\u2212')}</strong> to the true trigger’s (oracle; 1 is the same direction, 0 unrelated).</p>`
      }
    </div>
  </section>`;
}

/** Null where there is neither a true nor a dummy trigger to show. */
export function triggerSection({
  trueTrigger,
  finding,
  dummyTriggers,
  target,
  attack,
  suspicion = null,
}: Pick<ReportData, 'trueTrigger' | 'finding' | 'dummyTriggers' | 'target' | 'attack'> & {
  readonly suspicion?: Suspicion | null;
}): Html | null {
  if (!trueTrigger && dummyTriggers.length === 0) return null;
  const lead =
    dummyTriggers.length === 0
      ? 'What is done to every triggered picture.'
      : 'Inversion looks for a change of the pixels that makes the model collapse. It need not look like the true trigger: it has to reach the same region of the feature space.';
  return html`<section id="triggers" aria-labelledby="triggers-title">
    <h2 id="triggers-title">${dummyTriggers.length === 0 ? 'The trigger' : trueTrigger ? 'The trigger, true and found' : 'What inversion found'}</h2>
    <p class="lead">${lead}</p>
    ${finding && html`${finding.reasons.map((reason) => html`<p class="facts">${reason}</p>`)}<p class="facts"><strong>${tunedOn(dummyTriggers)}</strong></p>`}
    <div class="triggers">
      ${
        trueTrigger &&
        html`<section class="trigger">
          <h3>True trigger${attack !== null && html`: ${attack}`} <span class="tag">the one measured with</span></h3>
          ${triggerStrip('true trigger', trueTrigger)}
          <div>${facts(trueTrigger)}</div>
        </section>`
      }
      ${dummyTriggers.map((trigger) => dummy(trigger, target, suspicion))}
    </div>
  </section>`;
}
