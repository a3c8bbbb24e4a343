import { expect, test } from 'vitest';
import type { JsonRecord } from '../runs/config.ts';
import { purifySummary } from './purify-summary.ts';

const measures: JsonRecord = { ca: 75, asr: null, asrAll: null, ra: null, n: 12, sources: 12 };
const unmeasured: JsonRecord = {
  classes: 9,
  attack: null,
  undefended: null,
  purified: null,
  floor: { asr: null },
  run: 'my runs/a',
  report: 'my runs/a/report.html',
  seconds: 80,
};
const finding = (verdict: string, used: boolean): JsonRecord => ({
  verdict,
  reasons: ['A pattern in a fixed place sends 98 % of the pictures to "cat".'],
  dummies: [{ used: false }, { used }],
});

test('a purification says whether a backdoor was found, what prompts were tuned against, and how to measure', () => {
  expect(purifySummary({ ...unmeasured, finding: finding('backdoor', true) })).toEqual([
    'Backdoor found',
    '  A pattern in a fixed place sends 98 % of the pictures to "cat".',
    '  Prompts were tuned against what was found.',
    '',
    "  Nothing was measured: antidote evaluate 'my runs/a' --data DATA --trigger badnet-fixed --target CLASS",
    '',
    '  run     my runs/a   (80 s)',
    '  report  my runs/a/report.html',
  ]);
  const weak = purifySummary({ ...unmeasured, undefended: measures, finding: finding('clean', false) });
  expect(weak[0]).toBe('No backdoor found');
  expect(weak.join('\n')).toMatch(/ {2}Prompts were tuned on clean pictures alone/);
  expect(weak.join('\n')).toMatch(/ASR was not measured: antidote evaluate/);
});

test('a table of measures says how many pictures of how many classes it rests on', () => {
  const evaluated: JsonRecord = { ...unmeasured, testClasses: 1, undefended: measures };
  expect(purifySummary(evaluated)).toEqual([
    '                        CA       ASR        RA',
    '  undefended       75.00 %         -         -',
    '  on 12 pictures of 1 of 9 classes',
    '',
    '  ASR and RA are measured under a trigger: --trigger badnet-fixed --target CLASS',
    '',
    '  run     my runs/a   (80 s)',
    '  report  my runs/a/report.html',
  ]);
  const attacked = { ...evaluated, testClasses: 9, attack: 'sig', undefended: { ...measures, asr: 97.5, n: 4000 } };
  const lines = purifySummary({ ...attacked, purified: { ...measures, asr: 0 }, floor: { asr: 1 } });
  expect(lines.slice(1, 6)).toEqual([
    '  undefended       75.00 %   97.50 %         -',
    '  purified         75.00 %    0.00 %         -',
    '  floor                  -    1.00 %         -',
    '  on 4,000 pictures of 9 classes',
    '',
  ]);
});
