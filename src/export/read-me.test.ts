import { expect, test } from 'vitest';
import type { Format } from '../clip/clip.ts';
import type { Evidence } from './evidence.ts';
import type { ExportManifest } from './manifest.ts';
import { readMe } from './read-me.ts';
import { textEmbedsFile } from './text-embeds.ts';

const commit = 'c'.repeat(40);
const hub = { repository: 'org/name', revision: 'main', commit };

type About = Omit<ExportManifest, 'files'>;

const about: About = {
  format: 1,
  antidote: '0.1.0',
  method: 'cbpt',
  model: { name: 'my-clip', sha256: 'a'.repeat(64), hub: null, licence: null },
  run: null,
  head: 'b'.repeat(64),
  classes: ['dog'],
  preprocessing: {
    resolution: 224,
    resize: 'shortest',
    interpolation: 'bicubic',
    centre: 'torchvision',
    mean: [0, 0, 0],
    std: [1, 1, 1],
  },
};

/** The Python of an export of the head alone. */
function python(format: Format, model: Partial<ExportManifest['model']>): string {
  const text = readMe({ ...about, model: { ...about.model, ...model } }, [textEmbedsFile], format, undefined);
  return /## Python[\s\S]*?```python\n[\s\S]*?```/.exec(text)![0];
}

/** What an export says about its head. */
function said(evidence: Evidence | undefined): string {
  const text = readMe(about, [textEmbedsFile], 'open-clip', evidence);
  expect(text).toContain('to keep a\nbackdoor in the encoder from reaching the classes');
  return /## What was found and measured\n\n([\s\S]*?)\n\n##/.exec(text)![1]!;
}

test('a head that was tuned against nothing and not measured is not called a cure', () => {
  expect(said({ finding: undefined, tunedAgainst: [], measured: undefined })).toBe(
    [
      '* The prompts were tuned on clean pictures alone, which is a weak defense: no dummy trigger was believed.',
      '* Nothing was measured: its accuracy is not known. `antidote evaluate` measures it.',
    ].join('\n'),
  );
});

test('a head comes with what was found, what its prompts were tuned against, and what was measured', () => {
  const undefended = { ca: 79.5, asr: 97.73, ra: 0.51, n: 400 };
  const purified = { ca: 85.5, asr: 0, ra: 76.26, n: 400 };
  const finding = { verdict: 'backdoor' as const, targets: ['banana'] };
  const evidence: Evidence = {
    finding,
    tunedAgainst: ['banana', 'pizza'],
    measured: { attack: '/home/me/patch.safetensors', target: 'banana', undefended, purified },
  };
  expect(said(evidence).split('\n')).toEqual([
    '* The base model carries a backdoor that sends pictures to "banana".',
    '* The prompts were tuned against dummy triggers, stand-ins for the attacker\'s, that lead to "banana" and "pizza".',
    '* 85.5 % of 400 clean test pictures are read rightly (hand-written prompts: 79.5 %).',
    '* With the trigger `patch.safetensors`, 0.0 % are taken for "banana" (hand-written prompts: 97.7 %), 76.3 % are read rightly (hand-written prompts: 0.5 %). That proves nothing about another trigger.',
  ]);
  const withoutTrigger = { attack: null, target: null, undefended, purified: { ...purified, asr: null, ra: null } };
  expect(said({ ...evidence, measured: withoutTrigger })).toMatch(/400 clean .*\n\* No trigger was tried/);
});

test('an export of an export points to the README that has the evidence', () => {
  expect(said(undefined)).toBe('The README of the folder that this one was exported from says it.');
});

test('a model of the Hub is fetched at its commit', () => {
  const name = `hf:org/name@${commit}`;
  expect(python('hugging-face', { name, hub })).toContain(
    `CLIPVisionModelWithProjection.from_pretrained("org/name", revision="${commit}")`,
  );
  const openClip = python('open-clip', { name, hub });
  expect(openClip).toContain(`snapshot_download("org/name", revision="${commit}", allow_patterns=["open_clip_*"])`);
  expect(openClip).toContain('create_model_and_transforms(f"local-dir:{folder}")');
  for (const code of [openClip, python('hugging-face', { name, hub })]) expect(code).not.toContain('PATH/TO');
});

test('for a built-in model, which Python cannot open, the README names --bundle', () => {
  const code = python('open-clip', { name: 'emoji-clip:badnet' });
  expect(code).toContain('`antidote export RUN --out DIR --bundle`');
  expect(code).not.toMatch(/PATH\/TO|create_model/);
});

test('a model of your own is opened from its folder, with any name', () => {
  expect(python('open-clip', {})).toContain('create_model_and_transforms("local-dir:PATH/TO/my-clip")');
  expect(python('hugging-face', { name: 'a"); evil("' })).toContain('from_pretrained("PATH/TO/a\\"); evil(\\"")');
});
