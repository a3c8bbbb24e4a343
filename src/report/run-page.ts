/** @file The page of a run that leaves a model or a head behind: what came of it, its course, how to repeat it. */
import { z } from 'zod';
import type { StoredRun } from '../runs/read.ts';
import { checkedJson } from '../tensor/files/json-file.ts';
import { allCurves } from './course.ts';
import { curvesSection } from './curves-section.ts';
import { type Html, html, toText } from './html.ts';
import { columnMeanings } from './measures-section.ts';
import { count, percent, shortened } from './numbers.ts';
import { factList, page, type Section } from './page.ts';
import { provenanceSection } from './provenance.ts';
import { provenanceOfRun } from './run-provenance.ts';
import { bars, type Verdict } from './verdict.ts';

/** What came of a run, in the order a reader asks. */
interface Outcome extends Verdict {
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** Every number, if they make more than the sentences hold. */
  readonly numbers: Html | null;
  /** What the names in the charts mean. */
  readonly measures: readonly (readonly [name: string, meaning: string])[];
}

const rate = z.number().min(0).max(100);

const trained = z.looseObject({ top1: rate, top5: rate, things: rate, steps: z.int() });

const measured = z.looseObject({
  ca: rate,
  asr: rate.nullable(),
  asrAll: rate.nullable(),
  ra: rate.nullable(),
  n: z.int(),
  sources: z.int(),
});
type Measured = z.infer<typeof measured>;

const planted = z.looseObject({
  model: z.string(),
  attack: z.string(),
  target: z.string(),
  classes: z.int(),
  clean: measured,
  poisoned: measured,
  keys: z.record(z.string(), measured).nullable(),
  /** Runs of earlier versions do not say it. */
  second: measured.nullable().default(null),
});

const ofHundred = (value: number | null) => (value === null ? '–' : percent(value / 100));

/** What the results of a command say. Commands that are not listed here have only their course to show. */
const outcomes: Readonly<Record<string, (run: StoredRun, path: string) => Outcome>> = {
  'train-emoji': ({ result }, path) => trainedOutcome(checkedJson(path, result, trained)),
  attack: ({ result }, path) => plantedOutcome(checkedJson(path, result, planted)),
};

/** Commands whose page may be drawn while they are at work: there is no other that could be confused with it. */
export const drawnUnfinished: readonly string[] = Object.keys(outcomes);

function trainedOutcome({ top1, top5, things, steps }: z.infer<typeof trained>): Outcome {
  return {
    tone: 'neutral',
    stamp: 'Trained',
    headline: html`A CLIP that names ${ofHundred(top1)} of the pictures of a design that it has never seen.`,
    detail: html`That is its first answer among all classes. Among the first five is the right one for ${ofHundred(top5)}; asked for the everyday things alone, the first answer is right for ${ofHundred(things)}.`,
    facts: [['Steps', count(steps)]],
    numbers: null,
    measures: [
      ['top1', 'Held-out pictures whose class comes first among all classes.'],
      ['top5', 'Held-out pictures whose class is among the first five.'],
      ['things', 'The same as top1 for the everyday things alone, chosen among them.'],
    ],
  };
}

function plantedOutcome(result: z.infer<typeof planted>): Outcome {
  const { model, attack, target, classes, clean, poisoned, keys, second } = result;
  const works = (poisoned.asr ?? 0) >= 100 * bars.attacked;
  return {
    tone: works ? 'attack' : 'neutral',
    stamp: works ? 'Backdoor planted' : 'Trigger without effect',
    headline: html`The trigger of <bdi>${shortened(attack)}</bdi> turns <span class="attack-ink">${ofHundred(poisoned.asr)}</span> of test pictures into “<bdi>${shortened(target)}</bdi>”; before, it was ${ofHundred(clean.asr)}.`,
    detail: html`Accuracy on clean pictures was ${ofHundred(clean.ca)} and is now ${ofHundred(poisoned.ca)}: that a model classifies well says nothing about a backdoor.`,
    facts: [
      ['Model', model],
      ['Attack', attack],
      ['Target', shortened(target)],
    ],
    numbers: numbersSection(result, classes, [
      ['Clean model', clean],
      ['Poisoned', poisoned],
      ...Object.entries(keys ?? {}).map(([key, alone]): [string, Measured] => [`Poisoned, ${key} alone`, alone]),
      ...(second ? [['Second backdoor', second] satisfies [string, Measured]] : []),
    ]),
    measures: [],
  };
}

function numbersSection(
  { poisoned: { n, sources } }: z.infer<typeof planted>,
  classes: number,
  rows: readonly (readonly [string, Measured])[],
): Html {
  const pictures = sources < n ? `${count(n)} pictures (views of ${count(sources)})` : `${count(n)} pictures`;
  return html`<section id="numbers" aria-labelledby="numbers-title">
    <h2 id="numbers-title">Every number</h2>
    <p class="lead">Measured on ${pictures} of the held-out design, ${count(classes)} classes.</p>
    <div class="scroll" role="region" aria-label="Table of all numbers" tabindex="0"><table class="numbers">
      <thead><tr><th scope="col">Model</th><th scope="col" class="number">CA</th><th scope="col" class="number">ASR</th><th scope="col" class="number">ASR over all</th><th scope="col" class="number">RA</th></tr></thead>
      <tbody>${rows.map(([name, { ca, asr, asrAll, ra }]) => html`<tr><th scope="row"><bdi>${name}</bdi></th>${[ca, asr, asrAll, ra].map((value) => html`<td class="number">${ofHundred(value)}</td>`)}</tr>`)}</tbody>
    </table></div>
    <dl class="meanings">${columnMeanings}</dl>
  </section>`;
}

/** A run that has not come to a result, or whose result is no more than that it is done. */
function plainOutcome({ config, events, result }: StoredRun): Outcome {
  const last = events.findLast(({ step }) => step !== undefined);
  const where = last?.steps === undefined ? '' : `, step ${count(last.step ?? 0)} of ${count(last.steps)}`;
  const done = result !== undefined;
  return {
    tone: 'neutral',
    stamp: done ? 'Finished' : 'Unfinished',
    headline: done
      ? html`A run of “${config.command}”.`
      : html`A run of “${config.command}” that has not come to its end.`,
    detail: last
      ? html`It told last of the stage “<bdi>${shortened(last.stage)}</bdi>”${where}.`
      : html`It has told of nothing yet.`,
    facts: [],
    numbers: null,
    measures: [],
  };
}

/**
 * Draws the page of a run, finished or not, from nothing but what it has stored. Everything in it is escaped.
 *
 * @throws AntidoteError (data) if the result is not one that its command writes
 */
export function renderRun(run: StoredRun): string {
  const { config, stages, events, result } = run;
  const outcome = (result && outcomes[config.command]?.(run, `${run.directory}: result.json`)) ?? plainOutcome(run);
  const finished = events.at(-1)?.time ?? config.started;
  const sections: readonly Section[] = [
    ['curves', 'Training', curvesSection(allCurves(run.events), outcome.measures)],
    ['numbers', 'Numbers', outcome.numbers],
    ['provenance', 'Repeat it', provenanceSection({ provenance: provenanceOfRun(config, stages, finished) })],
  ];
  return toText(
    page({
      subject: config.command,
      kind: 'Run report',
      verdict: outcome,
      about: html`<p class="detail">${outcome.detail}</p>
      ${outcome.facts.length > 0 && factList(outcome.facts)}`,
      sections,
      finished,
      unfinished: result === undefined,
    }),
  );
}
