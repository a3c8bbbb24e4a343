/** @file The page of a run that makes a model: its result, its curves, how to repeat it. */
import { z } from 'zod';
import type { StoredRun } from '../runs/read.ts';
import { checkedJson } from '../tensor/files/json-file.ts';
import type { PngUrl } from '../triggers/png.ts';
import { allCurves } from './course.ts';
import { curvesSection } from './curves-section.ts';
import { type Html, html, toText } from './html.ts';
import { columnMeanings } from './measures-section.ts';
import { count, percent, shortened } from './numbers.ts';
import { factList, page, type Section } from './page.ts';
import { provenanceSection } from './provenance.ts';
import { provenanceOfRun } from './run-provenance.ts';
import { stageLine } from './stage-words.ts';
import { thresholds } from './thresholds.ts';
import type { Verdict } from './verdict.ts';

/** The result of a run for its page. */
interface Outcome extends Verdict {
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** A table of all numbers, if there are more than in the sentences. */
  readonly numbers: Html | null;
  /** Meanings of the names in the charts. */
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
  /** Missing in runs of earlier versions. */
  second: measured.nullable().default(null),
});

const ofHundred = (value: number | null) => (value === null ? '–' : percent(value / 100));

/** Outcomes by command. Pages of other commands show only curves. */
const outcomes: Readonly<Record<string, (run: StoredRun, path: string) => Outcome>> = {
  'train-emoji': ({ result }, path) => trainedOutcome(checkedJson(path, result, trained)),
  attack: ({ result }, path) => plantedOutcome(checkedJson(path, result, planted)),
};

/** Commands whose page may be drawn before they finish: they have no other page. */
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
  const works = (poisoned.asr ?? 0) >= 100 * thresholds.attacked;
  return {
    tone: works ? 'attack' : 'neutral',
    stamp: works ? 'Backdoor planted' : 'Trigger without effect',
    headline: html`The trigger of <bdi>${shortened(attack)}</bdi> turns <span class="${works && 'attack-ink'}">${ofHundred(poisoned.asr)}</span> of test pictures into “<bdi>${shortened(target)}</bdi>”; before, it was ${ofHundred(clean.asr)}.`,
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

/** A run without a result, or of a command without an outcome of its own. */
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
      ? html`It told last of the stage “<bdi>${shortened(stageLine(last.stage))}</bdi>”${where}.`
      : html`It has told of nothing yet.`,
    facts: [],
    numbers: null,
    measures: [],
  };
}

/** The picture that lies beside a planted trigger. */
function previewSection(preview: PngUrl): Html {
  return html`<section id="trigger" aria-labelledby="trigger-title">
    <h2 id="trigger-title">The trigger</h2>
    <p class="lead">What it does to a grey or chequered card. A faint trigger is drawn stronger than it is.</p>
    <figure class="preview"><img src="${preview}" alt="The trigger on a card" class="pixels"></figure>
  </section>`;
}

/**
 * Draws the page of a run, finished or not, from its stored records. Everything in it is escaped.
 *
 * @param preview of the trigger that the run planted; null where there is none
 * @throws AntidoteError (data) if the result does not have the form that its command writes
 */
export function renderRun(run: StoredRun, preview: PngUrl | null = null): string {
  const { config, stages, events, result } = run;
  const outcome = (result && outcomes[config.command]?.(run, `${run.directory}: result.json`)) ?? plainOutcome(run);
  const finished = events.at(-1)?.time ?? config.started;
  const sections: readonly Section[] = [
    ['trigger', 'Trigger', preview && previewSection(preview)],
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
