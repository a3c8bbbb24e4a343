import { beforeAll, expect, test } from 'vitest';
import { hostileFindings, sampleFindings } from '../../test/report/sample-findings.ts';
import { sampleReport } from '../../test/report/sample-report.ts';
import { renderFindings } from './findings-page.ts';
import type { FindingsData, ReportData } from './report-data.ts';

let sample: ReportData;
let found: FindingsData;
beforeAll(async () => {
  sample = await sampleReport();
  found = sampleFindings(sample);
});

/** The words a reader sees. */
function words(data: FindingsData): string {
  return renderFindings(data)
    .replace(/<style>[\s\S]*?<\/style>/, '')
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&quot;', '"')
    .replace(/\s+/g, ' ');
}

test('a backdoor is named with its class, its reasons and the pictures of what was found', () => {
  expect(words(found)).toMatch(/Backdoor found One pattern turns pictures of every class into “ ?banana ?”/);
  expect(words(found)).toContain(found.suspicion.reasons[0]);
  expect(renderFindings(found)).toMatch(/<img[^>]* alt="The same picture with the dummy trigger"/);
});

test('every class that a backdoor sends pictures to is named', () => {
  const two = { ...found, suspicion: { ...found.suspicion, targets: ['banana', 'pizza'] } };
  expect(words(two)).toMatch(/Several patterns turn pictures of every class into “ ?banana ?” or “ ?pizza ?”:/);
});

test('finding nothing is not called proof, and leaves no class accused', () => {
  const clean = { ...found, suspicion: { ...found.suspicion, verdict: 'clean', targets: [] } } as const;
  expect(words(clean)).toMatch(/No backdoor found No pattern was found/);
  expect(words(clean)).toMatch(/No pattern found is no proof/);
});

test('without a verdict it is told whether anything was found that does not allow one', () => {
  const undecided = { ...found, suspicion: { ...found.suspicion, verdict: 'undecided', targets: [] } } as const;
  expect(words(undecided)).toMatch(/Undecided What was found does not allow a verdict/);
  const tooLittle = { ...undecided, dummyTriggers: [] };
  expect(words(tooLittle)).toMatch(/Undecided There is too little to judge by/);
  expect(words(tooLittle)).not.toContain('What inversion found');
});

test('a purification says what its prompts were tuned against, and that nothing is measured', () => {
  const against = words({ ...found, command: 'purify', dummyTriggers: sample.dummyTriggers });
  expect(against).toMatch(/Prompts were tuned against what was found\. .*only test pictures/);
  expect(against).toMatch(/Dummy trigger used by the defense/);
  const nothing = {
    ...found,
    command: 'purify',
    dummyTriggers: found.dummyTriggers.map((trigger) => ({ ...trigger, used: false })),
    suspicion: { ...found.suspicion, score: 0.6, verdict: 'clean' },
  } as const;
  expect(words(nothing)).toMatch(/Prompts were tuned on clean pictures alone/);
  expect(words(nothing)).toMatch(/Dummy trigger not believed, not used/);
  expect(words(found)).not.toMatch(/Prompts were tuned/);
});

test('only as many pictures are claimed as there were', () => {
  expect(words(found)).toContain('Pictures 80 in all, up to 16 of each class, emoji:train');
});

test('the same data give the same characters after a journey through JSON, and no name becomes markup', () => {
  expect(renderFindings(JSON.parse(JSON.stringify(found)))).toBe(renderFindings(found));
  expect(renderFindings(hostileFindings(sample))).not.toMatch(/<script>|<img src=x|<b>bold/);
});
