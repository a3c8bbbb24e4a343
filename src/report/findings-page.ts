/** @file The page of a scan, or of a purification without test pictures: the verdict and its dummy triggers. */
import { curvesSection } from './curves-section.ts';
import { findingStamps, tunedOn } from './finding.ts';
import { type Html, html, toText } from './html.ts';
import { count, shortened } from './numbers.ts';
import { factList, page, type Section } from './page.ts';
import { provenanceSection } from './provenance.ts';
import type { FindingsData } from './report-data.ts';
import { triggerSection } from './trigger-section.ts';

const titles: Readonly<Record<FindingsData['command'], string>> = { scan: 'Scan', purify: 'Purification' };

function headline({ suspicion: { verdict, targets }, dummyTriggers }: FindingsData): Html {
  switch (verdict) {
    case 'backdoor': {
      const subject = targets.length === 1 ? 'One pattern turns' : 'Several patterns turn';
      const names = targets.map(
        (target, at) =>
          html`${at === 0 ? '' : ' or '}“<span class="attack-ink"><bdi>${shortened(target)}</bdi></span>”`,
      );
      return html`${subject} pictures of every class into ${names}: this model behaves as a backdoored one does.`;
    }
    case 'clean':
      return html`No pattern was found that sends pictures of every class to a single one.`;
    case 'undecided':
      return dummyTriggers.length === 0
        ? html`There is too little to judge by.`
        : html`What was found does not allow a verdict.`;
  }
}

function cured({ command, dummyTriggers }: FindingsData): Html | null {
  if (command === 'scan') return null;
  return html`<p class="detail">${tunedOn(dummyTriggers)} What that costs in accuracy only test pictures can tell, and whether a trigger still works only the trigger: <code>antidote evaluate</code> measures both.</p>`;
}

function about({ model, task }: FindingsData): Html {
  return factList([
    ['Model', model],
    ['Classes', count(task.classes)],
    ['Pictures', `${count(task.shots.count)} in all, up to ${task.shots.perClass} of each class, ${task.shots.from}`],
  ]);
}

function limitsSection({ task }: FindingsData): Html {
  return html`<section id="limits" aria-labelledby="limits-title">
    <h2 id="limits-title">What this does not show</h2>
    <ul class="limits">
      <li><strong>No pattern found is no proof.</strong> Triggers that warp the picture, or that need a word in the prompt as well, and targets that are neither among these ${count(task.classes)} classes nor, where a list is short, an everyday thing, are not looked for as such.</li>
      <li><strong>A pattern found is a sign, not a confession.</strong> The bars lie above what was met in models without a backdoor, of which there were few, and all of one family.</li>
    </ul>
  </section>`;
}

/** Draws the page. Depends only on its argument, all of which is escaped. */
export function renderFindings(data: FindingsData): string {
  // The attacker's target is unknown here.
  const triggers = triggerSection({ ...data, finding: null, trueTrigger: null, target: null, attack: null });
  const sections: readonly Section[] = [
    ['triggers', 'Triggers', triggers],
    ['curves', 'Training', curvesSection(data.curves)],
    ['limits', 'Limits', limitsSection(data)],
    ['provenance', 'Repeat it', provenanceSection(data)],
  ];
  return toText(
    page({
      subject: data.model,
      kind: `${titles[data.command]} report`,
      verdict: { ...findingStamps[data.suspicion.verdict], headline: headline(data) },
      about: html`${data.suspicion.reasons.map((reason) => html`<p class="detail">${reason}</p>`)}
      ${cured(data)}
      ${about(data)}`,
      sections,
      finished: data.provenance.finished,
    }),
  );
}
