/** @file The limits of the numbers, from what was and was not measured. */
import type { Measures } from '../evaluation/metrics.ts';
import { type Html, html } from './html.ts';
import { intervalOf, sampleOf, significant } from './numbers.ts';
import type { ReportData } from './report-data.ts';
import { thresholds } from './thresholds.ts';

/** A threshold in percent, without rounding to the report's decimals. */
function whole(share: number): string {
  return `${significant(100 * share)}\u202f%`;
}

/** A trigger whose target is not among the classes gives an RA but no ASR. */
function whatWasTested({ attack }: ReportData, asr: Measures['asr'], ra: Measures['ra']): Html {
  if (!asr && !ra) {
    return html`<strong>No trigger was tested.</strong> No number on this page shows whether a backdoor is there or gone.`;
  }
  const tested = html`<strong>One trigger was tested${attack !== null && html` (${attack})`}${!asr && ', without its target'}.</strong>`;
  return asr
    ? html`${tested} A low ASR here says nothing about another trigger, another target, or the same trigger made larger or stronger.`
    : html`${tested} How often pictures become the target cannot be said: it is not among the classes. A high RA here says nothing about classes that it is among, nor about another trigger.`;
}

export function limitsSection(data: ReportData): Html {
  const { asr, ra } = data.purified ?? data.undefended;
  const triggered = asr ?? ra;
  const limits: (Html | null | false)[] = [
    whatWasTested(data, asr, ra),
    triggered &&
      html`<strong>The sample is finite.</strong> With ${sampleOf(triggered)} pictures the data agree with an ${asr ? 'ASR' : 'RA'} anywhere in <span class="nowrap">${intervalOf(triggered)}</span> (95 %).`,
    data.purified &&
      html`<strong>The cure is the head, for these ${data.task.classes} classes.</strong> The image encoder stays as it was, byte for byte, and still carries the backdoor: retrieval, captioning, other class lists and other heads on it are not protected.`,
    data.dummyTriggers.length > 0 &&
      html`<strong>A dummy trigger is not evidence by itself.</strong> Inversion finds some perturbation in every model; that it looks like a trigger does not prove one, and that it looks like noise does not disprove one. Only a pattern that sends nearly all pictures to one class is a sign, and among few classes not even that.`,
    triggered &&
      html`<strong>Nobody adapted to the defense.</strong> An attacker who knows it may build a trigger that survives it.`,
    data.purified &&
      html`<strong>The method is a reconstruction.</strong> Class-wise Backdoor Prompt Tuning (arXiv 2502.19269) is rebuilt from its abstract; its free choices are this project’s.`,
  ];
  return html`<section id="limits" aria-labelledby="limits-title">
    <h2 id="limits-title">What this does not show</h2>
    <ul class="limits">${limits.map((limit) => limit && html`<li>${limit}</li>`)}</ul>
    ${data.purified && asr && html`<p class="facts">How the verdict’s words are chosen: there was an attack when the undefended ASR is at least ${whole(thresholds.attacked)}; it is closed at an ASR of at most ${whole(thresholds.closed)} or that much above the floor, with too few pictures to tell if the interval of that ASR reaches ${whole(thresholds.attacked)} or that much above the floor, cured when RA also reaches ${whole(thresholds.restored)} of its ceiling (the clean model’s RA, or else CA); accuracy is kept when CA falls by at most ${significant(100 * thresholds.kept)} points. These bounds are this project’s.</p>`}
  </section>`;
}
