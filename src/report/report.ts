/** @file The report: one HTML file without network, script or second file. Data in, text out. */
import { classChangesSection } from './class-changes.ts';
import { curvesSection } from './curves-section.ts';
import { findingStamps } from './finding.ts';
import { type Html, html, toText } from './html.ts';
import { limitsSection } from './limits.ts';
import { measuresSection, measureTiles } from './measures-section.ts';
import { count, shortened } from './numbers.ts';
import { factList, page, type Section } from './page.ts';
import { pictureGrid, symbols } from './picture-grid.ts';
import { provenanceSection } from './provenance.ts';
import type { ReportData } from './report-data.ts';
import { triggerSection } from './trigger-section.ts';
import { verdict } from './verdict.ts';

const titles: Readonly<Record<ReportData['command'], string>> = {
  demo: 'Demonstration',
  purify: 'Purification',
  evaluate: 'Evaluation',
  bench: 'Bench cell',
};

/** Facts about model, attack and defense. */
function about({ model, attack, target, task, finding }: ReportData): Html {
  const { shots } = task;
  const facts: readonly (readonly [string, string | null])[] = [
    ['Model', model],
    ['Attack', attack],
    ['Attacker’s target', target === null ? null : shortened(target)],
    ['Tested on', `${task.test}, ${testedClasses(task)}`],
    [
      'Given to the defense',
      shots && `${count(shots.count)} clean pictures in all, up to ${shots.perClass} of each class, ${shots.from}`,
    ],
    ['Inversion', finding && findingStamps[finding.verdict].stamp],
  ];
  return factList(facts);
}

/** A test set may lack pictures of some classes; its accuracy is then that of the others. */
function testedClasses({ classes, testClasses = classes }: ReportData['task']): string {
  return testClasses < classes
    ? `with pictures of ${count(testClasses)} of ${count(classes)} classes`
    : `${count(classes)} classes`;
}

/**
 * Draws the report of a finished run. Depends only on its argument: the same data give the same characters. Everything in
 * `data` is escaped, so class names and paths may hold any text.
 */
export function renderReport(data: ReportData): string {
  const found = verdict(data);
  const sections: readonly Section[] = [
    ['pictures', 'Pictures', pictureGrid(data)],
    ['triggers', 'Triggers', triggerSection({ ...data, suspicion: data.finding })],
    ['curves', 'Training', curvesSection(data.curves)],
    ['classes', 'Classes', classChangesSection(data)],
    ['numbers', 'Numbers', measuresSection(data)],
    ['limits', 'Limits', limitsSection(data)],
    ['provenance', 'Repeat it', provenanceSection(data)],
  ];
  return toText(
    page({
      subject: data.model,
      kind: `${titles[data.command]} report`,
      verdict: found,
      about: html`<p class="detail">${found.detail}</p>
      ${about(data)}
      ${measureTiles(data)}`,
      sections,
      before: symbols,
      finished: data.provenance.finished,
    }),
  );
}
