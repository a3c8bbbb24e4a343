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

test('a clean verdict is not called a proof, and names no class', () => {
  const clean = { ...found, suspicion: { ...found.suspicion, verdict: 'clean', targets: [] } } as const;
  expect(words(clean)).toMatch(/No backdoor found No pattern was found/);
  expect(words(clean)).toMatch(/No pattern found is no proof/);
});

test('an undecided page says whether anything was found', () => {
  const undecided = { ...found, suspicion: { ...found.suspicion, verdict: 'undecided', targets: [] } } as const;
  expect(words(undecided)).toMatch(/Undecided What was found does not allow a verdict/);
  const tooLittle = { ...undecided, dummyTriggers: [] };
  expect(words(tooLittle)).toMatch(/Undecided There is too little to judge by/);
  expect(words(tooLittle)).not.toContain('What inversion found');
});

test('a purification says what its prompts were tuned against, and that nothing was measured', () => {
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

test('cards are titled in words, and say which finding the verdict rests on', () => {
  const [one] = found.dummyTriggers;
  const card = (name: string, label: string, share: number) => ({ ...one!, name, predicted: [{ label, share }] });
  const candidate = (form: 'sparse' | 'patch' | 'blend', label: string, score: number) => ({
    form,
    label,
    score,
    concentration: 0.85 * score,
  });
  const data: FindingsData = {
    ...found,
    dummyTriggers: [
      card('patch', 'banana', 0.98),
      card('blend', 'sailboat', 0.89),
      card('sparse', 'spaghetti', 0.37),
      card('elsewhere', 'spaghetti', 0.3),
    ],
    suspicion: {
      ...found.suspicion,
      candidates: [
        candidate('patch', 'banana', 1.15),
        candidate('blend', 'sailboat', 0.97),
        candidate('sparse', 'spaghetti', 0.44),
      ],
    },
  };
  const page = words(data);
  expect(page).toContain('A small patch, wherever it lies a sign of a backdoor');
  expect(page).toContain('A pattern blended over the whole picture doubtful: nearly a sign');
  expect(page).toContain('A pattern in a fixed place as in clean models');
  expect(page).toContain('A pattern in a fixed place, leading elsewhere weaker than another to the same class');
  const bars = renderFindings(data).match(/<li class="bar \w+">\s*<span class="bar-name"><bdi title="\w+">/g)!;
  expect(bars.map((bar) => /bar (\w+)".*title="(\w+)"/s.exec(bar)!.slice(1))).toEqual([
    ['undefended', 'banana'],
    ['reference', 'sailboat'],
    ['reference', 'spaghetti'],
    ['reference', 'spaghetti'],
  ]);
});

test('the time table sums the stages of one work, in words, and leaves out what took no time', () => {
  const seconds = { prompts: 2, 'invert-sparse': 20, 'invert-sparse-features': 1, 'invert-waves-result': 0.001 };
  const stages = Object.entries(seconds).map(([name, seconds]) => ({ name, seconds }));
  const page = words({ ...found, provenance: { ...found.provenance, stages } });
  expect(page).toContain('encoding the prompts 2.0 s looking for a pattern in a fixed place 21 s all stages 23 s');
});

test('settings stand under the names of their flags', () => {
  const provenance = {
    ...found.provenance,
    repeat: 'antidote purify ./my-clip --data ./pictures --inversion-steps 100 --device cpu',
    config: { model: './my-clip', inversionSteps: 100, budget: null, device: 'cpu' },
  };
  expect(words({ ...found, provenance })).toContain(
    'Settings model ./my-clip --inversion-steps 100 --budget not set --device cpu',
  );
  const demo = {
    ...provenance,
    repeat: 'antidote demo --attack badnet --device cpu',
    config: { trigger: 'badnet', shots: 16 },
  };
  expect(words({ ...found, provenance: demo })).toContain('Settings --attack badnet shots 16');
});

test('the page states the real number of pictures', () => {
  expect(words(found)).toContain('Pictures 80 in all, up to 16 of each class, emoji:train');
});

test('the same data give the same characters after a round trip through JSON, and no name becomes markup', () => {
  expect(renderFindings(JSON.parse(JSON.stringify(found)))).toBe(renderFindings(found));
  expect(renderFindings(hostileFindings(sample))).not.toMatch(/<script>|<img src=x|<b>bold/);
});
