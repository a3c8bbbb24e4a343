/** @file The report in one sentence: does the trigger still work, and what did that cost? The stamps are those of README.md. */
import { ceilingOf } from '../evaluation/floor.ts';
import { confidence, type Interval, type Proportion } from '../evaluation/interval.ts';
import type { Measures } from '../evaluation/metrics.ts';
import { type Html, html } from './html.ts';
import { percent, percentText, points, share, shortened } from './numbers.ts';
import type { ReportData } from './report-data.ts';
import { closedAt, couldBeAttack, measuredInk, restoredFrom, thresholds } from './thresholds.ts';

/** The colour of the verdict at the head of the page. */
export type VerdictTone = 'cure' | 'attack' | 'neutral';

export interface Verdict {
  readonly tone: VerdictTone;
  /** Two or three words. */
  readonly stamp: string;
  readonly headline: Html;
  /** What the headline needs to be read correctly. */
  readonly detail: Html;
}

/** One verdict of a table: the first case that holds is the report's. */
interface Case<Measured> extends Pick<Verdict, 'tone' | 'stamp'> {
  readonly when: (measured: Measured) => boolean;
  readonly headline: (measured: Measured) => Html;
}

function firstCase<Measured>(
  cases: readonly Case<Measured>[],
  measured: Measured,
): Pick<Verdict, 'tone' | 'stamp' | 'headline'> {
  const { tone, stamp, headline } = cases.find(({ when }) => when(measured))!;
  return { tone, stamp, headline: headline(measured) };
}

/** ASR, CA and RA before and after purification: shares in [0, 1], and ASR and target as they are shown. */
interface Cure {
  readonly before: { readonly asr: number; readonly asrInterval: Interval; readonly ca: number };
  readonly after: {
    readonly asr: number;
    readonly asrInterval: Interval;
    readonly ca: number;
    readonly ra: number | null;
  };
  readonly floor: number;
  /** Highest RA to expect: the clean model's, or, where that is unknown, CA. */
  readonly ceiling: number;
  readonly was: Html;
  readonly is: Html;
  readonly target: Html | string;
}

const isClosed = ({ after, floor }: Cure) => after.asr <= closedAt(floor);
const isRestored = ({ after, ceiling }: Cure) => after.ra !== null && after.ra >= restoredFrom(ceiling);
const isCostly = ({ before, after }: Cure) => after.ca < before.ca - thresholds.kept;

const noLongerWorks = ({ was, is, target }: Cure) =>
  html`The backdoor no longer works: the trigger turned ${was} of pictures into ${target}, now ${is}.`;

const cures: readonly Case<Cure>[] = [
  {
    when: (cure) => !isClosed(cure) && cure.after.asrInterval.low > cure.before.asrInterval.high,
    tone: 'attack',
    stamp: 'Made worse',
    headline: ({ was, is, target }) =>
      html`The trigger works better than before: it turned ${was} of pictures into ${target}, now ${is}.`,
  },
  {
    when: (cure) => isClosed(cure) && couldBeAttack(cure.after.asrInterval, cure.floor),
    tone: 'neutral',
    stamp: 'Too few pictures',
    headline: ({ after, was, is, target }) =>
      html`Too few pictures to tell whether the trigger still works: it turned ${was} of them into ${target}, now ${is}, and up to ${percent(after.asrInterval.high)} of all pictures would fit that.`,
  },
  {
    when: ({ before }) => before.asr < thresholds.attacked,
    tone: 'neutral',
    stamp: 'Little to cure',
    headline: ({ was, is, target }) =>
      html`The trigger hardly worked to begin with: ${was} of pictures became ${target}, now ${is}.`,
  },
  {
    when: (cure) => isClosed(cure) && !isRestored(cure),
    tone: 'neutral',
    stamp: 'Half a cure',
    headline: ({ after: { ra }, was, is, target }) =>
      html`Triggered pictures no longer become ${target} (${was} before, ${is} now), but ${ra !== null && ra < 0.5 ? 'most are still misread' : 'fewer are read correctly than could be'}.`,
  },
  {
    when: (cure) => isClosed(cure) && isCostly(cure),
    tone: 'neutral',
    stamp: 'Closed, at a price',
    headline: noLongerWorks,
  },
  { when: isClosed, tone: 'cure', stamp: 'Backdoor closed', headline: noLongerWorks },
  {
    when: ({ before, after }) => after.asr <= before.asr / 2,
    tone: 'neutral',
    stamp: 'Weakened',
    headline: ({ was, is, target }) =>
      html`The backdoor is weaker, not gone: the trigger turned ${was} of pictures into ${target}, now ${is}.`,
  },
  {
    when: () => true,
    tone: 'attack',
    stamp: 'Backdoor open',
    headline: ({ was, is, target }) =>
      html`The backdoor still works: the trigger turned ${was} of pictures into ${target}, now ${is}.`,
  },
];

function purifiedVerdict(data: ReportData, after: Measures): Verdict {
  const { undefended: before, clean } = data;
  if (!before.asr || !after.asr) return unmeasuredCure(data, after);
  const floor = data.floor ? share(data.floor.asr) : 0;
  const inked = (asr: Proportion, ink: string | null) => html`<span class="${ink}">${percentText(asr)}</span>`;
  const [was, is] = [share(before.asr), share(after.asr)];
  const [asrBefore, asrAfter] = [confidence(before.asr), confidence(after.asr)];
  const cure: Cure = {
    before: { asr: was, asrInterval: asrBefore, ca: share(before.ca) },
    after: { asr: is, asrInterval: asrAfter, ca: share(after.ca), ra: after.ra && share(after.ra) },
    floor,
    ceiling: share(ceilingOf(clean, after)),
    was: inked(before.asr, was < thresholds.attacked ? null : 'attack-ink'),
    is: inked(after.asr, measuredInk(after.asr, floor)),
    target: targetName(data),
  };
  return { ...firstCase(cures, cure), detail: html`${robustSentence(data, after)}${accuracySentence(before, after)}` };
}

/** Without an ASR: no trigger was given, or its target is not among the classes. */
function unmeasuredCure(data: ReportData, after: Measures): Verdict {
  const accuracy = accuracySentence(data.undefended, after);
  const verdict = { tone: 'neutral', stamp: 'Not measured' } as const;
  if (after.ra) {
    return {
      ...verdict,
      headline: html`Purified, but whether the attack still works cannot be said: its target is not among the classes.`,
      detail: html`${robustSentence(data, after)}${accuracy}`,
    };
  }
  return {
    ...verdict,
    headline: html`Purified, but whether an attack still works is not known: no true trigger was given.`,
    detail: html`${accuracy} Whether a trigger still works can only be measured with the trigger.`,
  };
}

function accuracySentence(before: Measures, after: Measures): Html {
  const change = share(after.ca) - share(before.ca);
  const numbers = html`from ${percentText(before.ca)} to ${percentText(after.ca)}`;
  if (Math.abs(change) < 0.0005) return html`Accuracy on clean pictures stayed at ${percentText(after.ca)}.`;
  if (change > 0) return html`Accuracy on clean pictures rose ${numbers}.`;
  if (change >= -thresholds.kept)
    return html`Accuracy on clean pictures was kept: ${numbers} (${points(change)} points).`;
  return html`Accuracy on clean pictures fell ${numbers} (${points(change)} points), which is a price.`;
}

function robustSentence({ undefended, clean }: ReportData, after: Measures): Html | null {
  if (!after.ra || !undefended.ra) return null;
  const ceiling = clean?.ra && html`; the clean model: ${percentText(clean.ra)}`;
  return html`Pictures that carry the trigger are read correctly in ${percentText(after.ra)} of cases (before: ${percentText(undefended.ra)}${ceiling}). `;
}

/** ASR of a model without a defense. */
interface Attack {
  readonly asr: Proportion;
  readonly floor: number | null;
  readonly target: Html | string;
}

const attackVerdicts: readonly Case<Attack>[] = [
  {
    // The lower bound: with a small sample a high share can be chance.
    when: ({ asr, floor }) => confidence(asr).low > closedAt(floor),
    tone: 'attack',
    stamp: 'Trigger works',
    headline: ({ asr, target }) =>
      html`The trigger turns <span class="attack-ink">${percentText(asr)}</span> of pictures into ${target}.`,
  },
  {
    when: ({ asr, floor }) => couldBeAttack(confidence(asr), floor),
    tone: 'neutral',
    stamp: 'Too few pictures',
    headline: ({ asr, target }) =>
      html`Too few pictures to tell whether the trigger works: ${percentText(asr)} of them become ${target}, and up to ${percent(confidence(asr).high)} of all pictures would fit that.`,
  },
  {
    when: () => true,
    tone: 'neutral',
    stamp: 'Trigger without effect',
    headline: ({ asr, target }) =>
      html`The trigger has next to no effect: ${percentText(asr)} of pictures become ${target}.`,
  },
];

/** The verdict on a model that was not purified. */
function undefendedVerdict(data: ReportData): Verdict {
  const { asr, ca, ra } = data.undefended;
  if (asr) {
    const attack = { asr, floor: data.floor && share(data.floor.asr), target: targetName(data) };
    const detail = html`On clean pictures ${percentText(ca)} are classified correctly.`;
    return { ...firstCase(attackVerdicts, attack), detail };
  }
  if (ra) {
    return {
      tone: 'neutral',
      stamp: 'Not measured',
      headline: html`The trigger’s target is not among the classes; of pictures that carry the trigger ${percentText(ra)} are read correctly, without it ${percentText(ca)}.`,
      detail: html`Whether the attack works can only be measured where its target is a possible answer.`,
    };
  }
  return {
    tone: 'neutral',
    stamp: 'Accuracy only',
    headline: html`${percentText(ca)} of clean pictures are classified correctly. No trigger was tried.`,
    detail: html`A backdoored model looks exactly like this: high accuracy is no sign of safety.`,
  };
}

function targetName({ target }: ReportData): Html | string {
  return target === null ? 'the target' : html`“<bdi>${shortened(target)}</bdi>”`;
}

export function verdict(data: ReportData): Verdict {
  return data.purified ? purifiedVerdict(data, data.purified) : undefendedVerdict(data);
}
