/** @file CBPT and its controls on the built-in poisoned models, as the table of docs/method.md: `npm run measure`. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { type AttackName, attackNames } from '../src/attacks/attacks.ts';
import { openThreat } from '../src/attacks/threat.ts';
import { openClip } from '../src/checkpoints/open.ts';
import { zeroShotHead } from '../src/clip/zero-shot.ts';
import { openClasses } from '../src/data/classes.ts';
import { openPictureSet } from '../src/data/open.ts';
import { type CbptOptions, cbptDefaults, purify } from '../src/defenses/cbpt/purify.ts';
import { openEngine } from '../src/engine/ort-engine.ts';
import { encodeTest, measureHead } from '../src/evaluation/evaluate.ts';
import { type Percentages, percentages } from '../src/evaluation/metrics.ts';
import { unrecorded } from '../src/runs/unrecorded.ts';
import { randomFor } from '../src/tensor/random.ts';
import { float32 } from '../src/tensor/tensor.ts';
import type { Trigger } from '../src/triggers/trigger.ts';

const { values: flags } = parseArgs({
  options: {
    attacks: { type: 'string', default: attackNames.join(',') },
    classes: { type: 'string', default: 'things' },
    seeds: { type: 'string', default: '1,2,3' },
    methods: { type: 'string', default: 'cbpt,oracle,coop,noise' },
  },
});

/** What a control changes: options, or the dummy triggers that are used instead of inverted ones. */
interface Method {
  readonly options?: (defaults: CbptOptions) => CbptOptions;
  readonly known?: (truth: Trigger, size: number, seed: number) => readonly Trigger[];
}

const variant = (name: CbptOptions['inversion']['variant']): Method => ({
  options: (defaults) => ({ ...defaults, inversion: { ...defaults.inversion, variant: name } }),
});
const onlyForm = (name: CbptOptions['forms'][number]): Method => ({
  options: (defaults) => ({ ...defaults, forms: [name], concentration: 0 }),
});
const weights = (change: Partial<CbptOptions['tuning']>): Method => ({
  options: (defaults) => ({ ...defaults, tuning: { ...defaults.tuning, ...change } }),
});

const methods: Readonly<Record<string, Method>> = {
  cbpt: {},
  oracle: { known: (truth) => [truth] },
  coop: { known: () => [] },
  noise: { known: (_, size, seed) => [signNoise(size, seed)] },
  'farthest-text': variant('farthest-text'),
  'only-additive': onlyForm('additive'),
  'only-sparse': onlyForm('sparse'),
  'only-patch': onlyForm('patch'),
  'no-anchor': weights({ anchorWeight: 0 }),
  'no-clean': weights({ cleanWeight: 0 }),
};

/** Noise of +-12/255: as large as an additive dummy trigger, but it means nothing to any model. */
function signNoise(size: number, seed: number): Trigger {
  const random = randomFor(seed, 'sign-noise');
  const bound = cbptDefaults.inversion.bound;
  const data = Float32Array.from({ length: 3 * size * size }, () => (random.uniform() < 0.5 ? -bound : bound));
  return { kind: 'additive', delta: float32(data, [3, size, size]), bound };
}

const quiet = unrecorded((event) => {
  if (event.stage.endsWith('-result')) console.error(JSON.stringify(event));
});

const engine = await openEngine({ device: 'cpu', threads: availableParallelism() });
const { names: classes, templates, prompt } = await openClasses(flags.classes);
const defaults = { ...cbptDefaults, templates, prompt };
console.log('| attack | method | seed | CA | ASR | RA | seconds |\n|---|---|---|---|---|---|---|');
for (const attack of flags.attacks.split(',') as AttackName[]) {
  const clip = await openClip(`emoji-clip:${attack}`);
  const size = clip.config.image.resolution;
  const threat = await openThreat(attack, size);
  const test = await openPictureSet('emoji:test', { classes, config: clip.config });
  const embeddings = await encodeTest(engine, clip, test, threat, 0, quiet);
  const zeroShot = await zeroShotHead(engine, clip, classes, templates);
  row(attack, 'undefended', '', percentages(measureHead(zeroShot, embeddings, threat)), 0);
  const clean = await openClip('emoji-clip');
  const cleanHead = await zeroShotHead(engine, clean, classes, templates);
  const cleanEmbeddings = await encodeTest(engine, clean, test, threat, 0, quiet);
  row(attack, 'clean model', '', percentages(measureHead(cleanHead, cleanEmbeddings, threat)), 0);

  for (const name of flags.methods.split(',')) {
    const method = methods[name];
    if (!method) throw new Error(`unknown method "${name}": one of ${Object.keys(methods).join(', ')}`);
    for (const seed of flags.seeds.split(',').map(Number)) {
      const started = performance.now();
      const shots = await openPictureSet('emoji:train', {
        classes,
        config: clip.config,
        shots: { perClass: 16, seed },
      });
      const options = { ...(method.options?.(defaults) ?? defaults), seed };
      const known = method.known?.(threat.trigger, size, seed);
      const { head } = await purify(engine, clip, shots, options, quiet, known);
      const seconds = (performance.now() - started) / 1000;
      row(attack, name, String(seed), percentages(measureHead(head, embeddings, threat)), seconds);
    }
  }
}
await engine.close();

function row(attack: string, name: string, seed: string, { ca, asr, ra }: Percentages, seconds: number): void {
  const cells = [ca, asr ?? Number.NaN, ra ?? Number.NaN].map((value) => value.toFixed(2));
  console.log(`| ${[attack, name, seed, ...cells, seconds.toFixed(0)].join(' | ')} |`);
}
