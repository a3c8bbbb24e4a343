/** @file Test pictures without and with the trigger, and what each model takes them for. */
import { type Html, html } from './html.ts';
import { percent, shortened } from './numbers.ts';
import type { Example, Prediction, Reading, ReportData } from './report-data.ts';

type Outcome = 'right' | 'target' | 'wrong';

/** The symbols are drawn, so that no font is needed; they are defined once and referred to. */
export const symbols = html`<svg width="0" height="0" class="definitions" aria-hidden="true" focusable="false">
  <symbol id="right" viewBox="0 0 16 16"><path d="M2.5 8.5 6.5 12.5 13.5 3.5"/></symbol>
  <symbol id="wrong" viewBox="0 0 16 16"><path d="M3.5 3.5 12.5 12.5M12.5 3.5 3.5 12.5"/></symbol>
  <symbol id="target" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6"/><circle cx="8" cy="8" r="1.8" class="solid"/></symbol>
</svg>`;

const words: Readonly<Record<Outcome, string>> = { right: 'right', wrong: 'wrong', target: 'the target' };

/** Being right comes first: a banana called banana is no success of the attack. */
function outcomeOf(prediction: Prediction, truth: string, target: string | null): Outcome {
  if (prediction.label === truth) return 'right';
  return prediction.label === target ? 'target' : 'wrong';
}

function icon(outcome: Outcome): Html {
  return html`<svg class="icon" width="14" height="14" role="img" aria-label="${words[outcome]}"><use href="#${outcome}"/></svg>`;
}

function verdictCell(prediction: Prediction | null, truth: string, target: string | null): Html {
  if (!prediction) return html`<td></td>`;
  const outcome = outcomeOf(prediction, truth, target);
  return html`<td class="says ${outcome}"><span>${icon(outcome)} <bdi title="${prediction.label}">${shortened(prediction.label)}</bdi></span> <small>${percent(prediction.probability)}</small></td>`;
}

function card({ label, clean, triggered }: Example, target: string | null, purified: boolean): Html {
  const readings: (readonly [string, Reading])[] = [
    ['clean', clean],
    ...(triggered ? [['with trigger', triggered] as const] : []),
  ];
  const row = (name: string, model: string, of: (reading: Reading) => Prediction | null) =>
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

/** How many of the shown triggered pictures a model takes for the target, and how many it reads rightly. */
function tally(
  examples: readonly Example[],
  target: string | null,
  of: (reading: Reading) => Prediction | null,
): string {
  const outcomes = examples.flatMap(({ label, triggered }) => {
    const prediction = triggered && of(triggered);
    return prediction ? [outcomeOf(prediction, label, target)] : [];
  });
  const number = (wanted: Outcome) => outcomes.filter((outcome) => outcome === wanted).length;
  return `${number('target')} of ${outcomes.length} as the target, ${number('right')} correctly`;
}

/** Null where the run kept no pictures. */
export function pictureGrid({ examples, target, purified }: ReportData): Html | null {
  if (examples.length === 0) return null;
  const triggered = examples.some((example) => example.triggered);
  return html`<section id="pictures" aria-labelledby="pictures-title">
    <h2 id="pictures-title">What the models see</h2>
    <p class="lead">${
      triggered
        ? html`Test pictures drawn at random, without and with the true trigger. Of those shown with it, the undefended model reads <strong class="attack-ink">${tally(examples, target, (reading) => reading.undefended)}</strong>${purified && html`; the purified model <strong class="cure-ink">${tally(examples, target, (reading) => reading.purified)}</strong>`}.`
        : html`Test pictures drawn at random, each with the model’s first choice.`
    } Beside each label is the probability the model gives it.</p>
    <ul class="key"><li class="right">${icon('right')} right</li>${triggered && target !== null && html`<li class="target">${icon('target')} the attacker’s target, “<bdi>${shortened(target)}</bdi>”</li>`}<li class="wrong">${icon('wrong')} wrong</li>${purified && html`<li><b>before</b> undefended model</li><li><b>after</b> purified model</li>`}</ul>
    <ul class="examples">${examples.map((example) => card(example, target, purified !== null))}</ul>
  </section>`;
}
