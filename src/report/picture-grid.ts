/** @file Test pictures without and with the trigger, with the predictions of each model. */
import type { ClassPrediction } from '../evaluation/top-classes.ts';
import { type Html, html } from './html.ts';
import { percent, shortened } from './numbers.ts';
import type { Example, ReportData, ShownReading } from './report-data.ts';
import { attackInk } from './thresholds.ts';

type Outcome = 'right' | 'target' | 'wrong';

/** Symbols as paths, which need no font; they are defined once and referred to. */
export const symbols = html`<svg width="0" height="0" class="definitions" aria-hidden="true" focusable="false">
  <symbol id="right" viewBox="0 0 16 16"><path d="M2.5 8.5 6.5 12.5 13.5 3.5"/></symbol>
  <symbol id="wrong" viewBox="0 0 16 16"><path d="M3.5 3.5 12.5 12.5M12.5 3.5 3.5 12.5"/></symbol>
  <symbol id="target" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6"/><circle cx="8" cy="8" r="1.8" class="solid"/></symbol>
</svg>`;

const words: Readonly<Record<Outcome, string>> = { right: 'right', wrong: 'wrong', target: 'the target' };

/** `right` wins over `target`: a banana classified as a banana is no success of the attack. */
function outcomeOf(prediction: ClassPrediction, truth: string, target: string | null): Outcome {
  if (prediction.label === truth) return 'right';
  return prediction.label === target ? 'target' : 'wrong';
}

function icon(outcome: Outcome): Html {
  return html`<svg class="icon" width="14" height="14" role="img" aria-label="${words[outcome]}"><use href="#${outcome}"/></svg>`;
}

function verdictCell(prediction: ClassPrediction | null, truth: string, target: string | null): Html {
  if (!prediction) return html`<td></td>`;
  const outcome = outcomeOf(prediction, truth, target);
  return html`<td class="says ${outcome}"><span>${icon(outcome)} <bdi title="${prediction.label}">${shortened(prediction.label)}</bdi></span> <small>${percent(prediction.probability)}</small></td>`;
}

function card({ label, clean, triggered }: Example, target: string | null, purified: boolean): Html {
  const readings: (readonly [string, ShownReading])[] = [
    ['clean', clean],
    ...(triggered ? [['with trigger', triggered] as const] : []),
  ];
  const row = (name: string, model: string, of: (reading: ShownReading) => ClassPrediction | null) =>
    html`<tr><th scope="row"><span aria-hidden="true">${name}</span><span class="hidden">${model}</span></th>${readings.map(([, reading]) => verdictCell(of(reading), label, target))}</tr>`;
  return html`<li class="example"><table>
    <caption><bdi title="${label}">${shortened(label)}</bdi></caption>
    <thead><tr><td></td>${readings.map(
      ([name, reading]) =>
        html`<th scope="col"><img src="${reading.picture}" alt="${shortened(label)}, ${name}" class="pixels"><span>${name}</span></th>`,
    )}</tr></thead>
    <tbody>${row(purified ? 'before' : 'model', 'undefended model', ({ undefended }) => undefended)}${purified && row('after', 'purified model', ({ purified }) => purified)}</tbody>
  </table></li>`;
}

/** Number of shown triggered pictures that a model classifies as the target, in that number's colour, and as their class. */
function tally(
  examples: readonly Example[],
  target: string | null,
  of: (reading: ShownReading) => ClassPrediction | null,
): Html {
  const outcomes = examples.flatMap(({ label, triggered }) => {
    const prediction = triggered && of(triggered);
    return prediction ? [outcomeOf(prediction, label, target)] : [];
  });
  const number = (wanted: Outcome) => outcomes.filter((outcome) => outcome === wanted).length;
  const ink = attackInk(number('target') / outcomes.length, null);
  return html`<strong class="${ink}">${number('target')} of ${outcomes.length} as the target, ${number('right')} correctly</strong>`;
}

/** Null where the report has no pictures. */
export function pictureGrid({ examples, target, purified }: ReportData): Html | null {
  if (examples.length === 0) return null;
  const triggered = examples.some((example) => example.triggered);
  return html`<section id="pictures" aria-labelledby="pictures-title">
    <h2 id="pictures-title">What the models see</h2>
    <p class="lead">${
      triggered
        ? html`Test pictures drawn at random, without and with the true trigger. Of those shown with it, the undefended model reads ${tally(examples, target, (reading) => reading.undefended)}${purified && html`; the purified model ${tally(examples, target, (reading) => reading.purified)}`}.`
        : html`Test pictures drawn at random, each with the model’s first choice.`
    } Beside each label is the probability the model gives it.</p>
    <ul class="key"><li class="right">${icon('right')} right</li>${triggered && target !== null && html`<li class="target">${icon('target')} the attacker’s target, “<bdi>${shortened(target)}</bdi>”</li>`}<li class="wrong">${icon('wrong')} wrong</li>${purified && html`<li><b>before</b> undefended model</li><li><b>after</b> purified model</li>`}</ul>
    <ul class="examples">${examples.map((example) => card(example, target, purified !== null))}</ul>
  </section>`;
}
