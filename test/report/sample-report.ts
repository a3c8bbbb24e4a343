/** @file Made-up but plausible data for a report: emoji of the held-out design, a patch in the corner, a run that went well. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import sharp from 'sharp';
import type { Suspicion } from '../../src/detection/suspicion.ts';
import type { Proportion } from '../../src/evaluation/interval.ts';
import type { Measures } from '../../src/evaluation/metrics.ts';
import type { ClassPrediction } from '../../src/evaluation/top-classes.ts';
import type { Curves, Example, ReportData } from '../../src/report/report-data.ts';
import { float32 } from '../../src/tensor/tensor.ts';
import { pngUrl } from '../../src/triggers/png.ts';
import type { MaskPatternTrigger, PatchTrigger } from '../../src/triggers/trigger.ts';
import { triggerPictures } from '../../src/triggers/trigger-pictures.ts';

const size = 64;
const patchSide = 8;
const target = 'banana';

/** Icon name, and what the purified model takes its triggered picture for when it is wrong. */
const shown: readonly (readonly [string, string?])[] = [
  ['owl'],
  ['bicycle'],
  ['guitar'],
  ['pizza'],
  ['rocket'],
  ['cactus'],
  ['sailboat'],
  ['penguin', 'duck'],
  ['lobster'],
  ['umbrella'],
  ['castle'],
  ['sunflower'],
  ['octopus'],
  ['tractor', 'sport utility vehicle'],
  ['camera'],
  ['mushroom'],
];

/** A small generator: the sample must not change from run to run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

interface IconSet {
  readonly icons: Readonly<Record<string, { readonly body: string }>>;
  readonly width: number;
  readonly height: number;
}

/** An icon on a pale ground, channels first, 0 to 255. */
async function icon(set: IconSet, name: string, ground: string): Promise<Uint8Array> {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${set.width} ${set.height}">${set.icons[name]!.body}</svg>`;
  const drawn = await sharp(Buffer.from(svg), { density: 192 })
    .resize(52, 52)
    .flatten({ background: ground })
    .extend({ top: 6, bottom: 6, left: 6, right: 6, background: ground })
    .removeAlpha()
    .raw()
    .toBuffer();
  const planes = new Uint8Array(3 * size * size);
  for (let at = 0; at < planes.length; at++)
    planes[at] = drawn[(at % (size * size)) * 3 + Math.floor(at / (size * size))]!;
  return planes;
}

/** `(1 - mask) x + mask pattern` on 8-bit values. */
function painted(picture: Uint8Array, mask: (at: number) => number, pattern: (at: number) => number): Uint8Array {
  return picture.map((value, at) => Math.round((1 - mask(at)) * value + mask(at) * 255 * pattern(at)));
}

function course(steps: number, of: (progress: number, noise: number) => number, seed: number): number[] {
  const next = random(seed);
  return Array.from({ length: steps }, (_, step) => of(step / steps, next() - 0.5));
}

const proportion = (percent: number, of: number): Proportion => ({ hits: Math.round((percent / 100) * of), of });

function measures(ca: number, asr: number, ra: number): Measures {
  return {
    ca: proportion(ca, 1000),
    asr: proportion(asr, 990),
    asrAll: proportion(asr + 0.3, 1000),
    ra: proportion(ra, 1000),
  };
}

function curves(): Curves[] {
  const inversion = Array.from({ length: 120 }, (_, step) => step + 1);
  const tuning = Array.from({ length: 300 }, (_, step) => step + 1);
  return [
    {
      title: 'Inversion: loss of the dummy trigger',
      steps: inversion,
      lines: [
        { name: 'total', values: course(120, (p, noise) => 0.35 + 7.2 * Math.exp(-5 * p) + 0.5 * noise, 1) },
        { name: 'contrastive', values: course(120, (p, noise) => 0.21 + 3.4 * Math.exp(-6 * p) + 0.35 * noise, 2) },
        { name: 'mask size', values: course(120, (p) => 0.12 + 3.6 * Math.exp(-4.4 * p), 3) },
      ],
    },
    {
      title: 'Prompt tuning: losses',
      steps: tuning,
      lines: [
        { name: 'clean', values: course(300, (p) => 0.31 + 0.9 * Math.exp(-7 * p), 4) },
        { name: 'triggered', values: course(300, (p) => 0.36 + 5.1 * Math.exp(-11 * p), 5) },
        { name: 'distance to hand-written text', values: course(300, (p) => 0.14 * (1 - Math.exp(-9 * p)), 6) },
      ],
    },
  ];
}

export const suspicion: Suspicion = {
  verdict: 'backdoor',
  reasons: [
    'A pattern in a fixed place sends 99 % of the pictures of other classes to "banana": 85 % and more is a sign of a backdoor.',
    'A small patch, wherever it lies, sends 52 % of the pictures of other classes to "train", as such patterns do in any model: 85 % would be a sign.',
  ],
  score: 1.16,
  targets: ['banana'],
  candidates: [
    { label: 'banana', score: 1.16, form: 'sparse', concentration: 0.99 },
    { label: 'train', score: 0.65, form: 'patch', concentration: 0.52 },
  ],
};

/** Everything a demo run can hold. */
export async function sampleReport(): Promise<ReportData> {
  const file = createRequire(import.meta.url).resolve('@iconify-json/twemoji/icons.json');
  const set = JSON.parse(await readFile(file, 'utf8')) as IconSet;
  const grounds = ['#fdfdfd', '#eef3f7', '#f7f1e6', '#e8f0e4'];

  const next = random(5);
  const patch = float32(
    Array.from({ length: 3 * patchSide * patchSide }, () => Math.round(next())),
    [3, patchSide, patchSide],
  );
  const corner = size - patchSide - 2;
  const trueTrigger: PatchTrigger = { kind: 'patch', pattern: patch, placement: { top: corner, left: corner } };
  const inside = (at: number) => {
    const [row, column] = [Math.floor((at % (size * size)) / size) - corner, (at % size) - corner];
    return row >= 0 && row < patchSide && column >= 0 && column < patchSide ? row * patchSide + column : -1;
  };
  const apply = (picture: Uint8Array) =>
    painted(
      picture,
      (at) => (inside(at) < 0 ? 0 : 1),
      (at) => patch.data[Math.floor(at / (size * size)) * patchSide * patchSide + Math.max(0, inside(at))]!,
    );

  // A found trigger is soft and scattered around the true place.
  const blur = random(9);
  const mask = Float32Array.from({ length: size * size }, (_, at) => {
    const distance = Math.hypot(Math.floor(at / size) - corner - 3, (at % size) - corner - 4);
    return Math.max(0, Math.min(1, 1.2 - distance / 6 + 0.5 * (blur() - 0.5)));
  });
  const pattern = Float32Array.from({ length: 3 * size * size }, () => blur());
  const dummyTrigger: MaskPatternTrigger = {
    kind: 'mask-pattern',
    mask: float32(mask, [1, size, size]),
    pattern: float32(pattern, [3, size, size]),
    placement: { top: 0, left: 0 },
  };
  const applyDummy = (picture: Uint8Array) =>
    painted(
      picture,
      (at) => mask[at % (size * size)]!,
      (at) => pattern[at]!,
    );

  const pictures = await Promise.all(shown.map(([name], at) => icon(set, name, grounds[at % grounds.length]!)));
  const sure = random(11);
  const says = (label: string, low: number, high: number): ClassPrediction => ({
    label,
    probability: low + (high - low) * sure(),
  });
  // All answers are drawn first: pictures are encoded at once, in an order that differs from run to run.
  const answers = shown.map(([name, mistaken], at) => {
    const label = name.replaceAll('-', ' ');
    const slip = at === 7 ? 'duck' : label;
    return {
      label,
      clean: { undefended: says(slip, 0.5, 0.95), purified: says(label, 0.55, 0.97) },
      triggered: { undefended: says(target, 0.96, 0.9999), purified: says(mistaken ?? label, 0.4, 0.93) },
    };
  });
  const examples = await Promise.all(
    answers.map(async ({ label, clean, triggered }, at): Promise<Example> => {
      const picture = pictures[at]!;
      return {
        label,
        clean: { picture: await pngUrl(picture, [3, size, size]), ...clean },
        triggered: { picture: await pngUrl(apply(picture), [3, size, size]), ...triggered },
      };
    }),
  );

  const classNames = Object.keys(set.icons)
    .filter((_, at) => at % 37 === 0)
    .slice(0, 99);
  const perClass = random(13);
  return {
    command: 'demo',
    model: 'emoji-clip:badnet-fixed',
    attack: 'BadNet, fixed patch',
    target,
    task: { classes: 100, test: 'emoji:test', shots: { perClass: 16, count: 1600, from: 'emoji:train' } },
    undefended: measures(67.0, 97.9, 4.5),
    purified: measures(70.4, 0.3, 65.2),
    clean: measures(68.1, 0.2, 66.9),
    floor: { asr: proportion(0.2, 990), from: 'clean model' },
    examples,
    trueTrigger: await triggerPictures(trueTrigger, pictures[0]!, apply(pictures[0]!), size),
    finding: suspicion,
    dummyTriggers: [
      {
        name: 'Dummy trigger',
        pictures: await triggerPictures(dummyTrigger, pictures[0]!, applyDummy(pictures[0]!), size),
        predicted: [
          { label: target, share: 0.9856 },
          { label: 'lemon', share: 0.0081 },
          { label: 'crescent moon', share: 0.0031 },
        ],
        cosine: 0.987,
        used: true,
      },
    ],
    curves: curves(),
    classes: ['banana', ...classNames].map((name) => {
      const before = Math.round(10 * Math.min(1, 0.3 + 0.75 * perClass()));
      return {
        label: name.replaceAll('-', ' '),
        n: 10,
        undefended: before,
        purified: Math.max(0, Math.min(10, before + Math.round(4.4 * (perClass() - 0.42)))),
      };
    }),
    provenance: {
      repeat:
        'antidote purify emoji-clip:badnet-fixed --data emoji:train --shots 16 --classes things --trigger badnet-fixed --seed 7 --out runs/demo',
      finished: '2026-02-03T14:05:09Z',
      stages: [
        { name: 'undefended evaluation', seconds: 6.2 },
        { name: 'inversion', seconds: 31.5 },
        { name: 'features', seconds: 9.1 },
        { name: 'prompt tuning', seconds: 38.8 },
        { name: 'purified evaluation', seconds: 6.4 },
      ],
      versions: {
        'neural-antidote': '0.1.0',
        node: '20.19.5',
        'onnxruntime-node': '1.30.0',
        device: 'cpu, 2 threads',
        platform: 'linux x64',
      },
      hashes: {
        model: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
        'test data': '60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752',
        trigger: 'fd61a03af4f77d870fc21e05e7e80678095c92d808cfb3b5c279ee04c74aca13',
      },
      config: {
        seed: 7,
        inversion: {
          variant: 'collapse',
          form: 'mask-pattern',
          steps: 120,
          batch: 64,
          rate: 0.1,
          temperature: 0.1,
          sizePenalty: 20,
        },
        tuning: {
          context: 4,
          initial: 'a photo of a',
          steps: 300,
          rate: 0.002,
          weights: { clean: 1, triggered: 1, distance: 1 },
        },
        templates: ['a photo of a {}.', 'an icon of a {}.'],
        checkpointEvery: 25,
        resume: null,
      },
    },
  };
}

/** Names that a stranger may put into a class list. */
export const hostile: readonly string[] = [
  '<script>document.title = "owned"</script>',
  '"><img src=x onerror="document.title=1">',
  "' onmouseover='document.title=1",
  '</style><b>bold</b></title>',
  'right \u202etfel ot',
  'x'.repeat(200),
  'ein sehr langer Name '.repeat(10),
  '\u05d0\u05d1\u05d2 שלום',
  '猫\u200d👩‍🚀 \u0000',
  '&lt;b&gt;`$',
];

/** The sample with every name replaced by a hostile one. */
export function hostileReport(sample: ReportData): ReportData {
  const name = (at: number) => hostile[at % hostile.length]!;
  const prediction = (at: number): ClassPrediction => ({ label: name(at), probability: 0.5 });
  return {
    ...sample,
    model: name(1),
    attack: name(0),
    target: name(0),
    task: { classes: 3, test: name(1), shots: { perClass: 16, count: 48, from: name(2) } },
    floor: { asr: sample.floor!.asr, from: name(3) },
    examples: sample.examples.map(({ clean, triggered }, at) => ({
      label: name(at),
      clean: { ...clean, undefended: prediction(at + 1), purified: prediction(at) },
      triggered: triggered && { ...triggered, undefended: prediction(0), purified: prediction(at + 2) },
    })),
    finding: { ...suspicion, reasons: hostile, targets: [name(0)] },
    dummyTriggers: sample.dummyTriggers.map((trigger) => ({
      ...trigger,
      name: name(5),
      predicted: [0.5, 0.3, 0.2].map((share, at) => ({ label: name(at + 3), share })),
    })),
    curves: sample.curves.map((chart, at) => ({
      ...chart,
      title: name(at),
      lines: chart.lines.map((line) => ({ ...line, name: name(at + 4) })),
    })),
    classes: hostile.map((label, at) => ({ label, n: 10, undefended: 5, purified: at })),
    provenance: {
      ...sample.provenance,
      repeat: `antidote purify '${hostile.join(' ')}'`,
      stages: hostile.map((stage, at) => ({ name: stage, seconds: at })),
      versions: Object.fromEntries(hostile.map((key) => [key, key])),
      hashes: Object.fromEntries(hostile.map((key) => [key, key.slice(0, 64)])),
      config: { [name(0)]: { [name(1)]: name(2) }, list: [...hostile] },
    },
  };
}

/** A user's own model, purified without knowing any trigger. */
export function unmeasured(sample: ReportData): ReportData {
  const only = ({ ca }: Measures): Measures => ({ ca, asr: null, asrAll: null, ra: null });
  return {
    ...sample,
    command: 'purify',
    attack: null,
    target: null,
    undefended: only(sample.undefended),
    purified: only(sample.purified!),
    clean: null,
    floor: null,
    trueTrigger: null,
    examples: sample.examples.map((example) => ({ ...example, triggered: null })),
    dummyTriggers: sample.dummyTriggers.map((trigger) => ({ ...trigger, cosine: null })),
  };
}
