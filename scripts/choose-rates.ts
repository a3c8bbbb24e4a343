/**
 * @file Learning rates of the baselines, chosen on the clean accuracy of the clean model alone: no attack is looked at.
 *
 * `npx tsx scripts/choose-rates.ts [--methods fine-tune,cleanclip,par,activation-tuning]`. The rule stands in
 * src/defenses/recipe.ts: the largest rate that costs at most one point, so rates are tried from the largest down to the
 * first that does. Accuracy is that on the things' test pictures, as in the tables: where that helps anyone, it helps the
 * baselines. For the linear probe, which has no accuracy to lose, the rate of the best.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openClip } from '../src/checkpoints/open.ts';
import { openClasses } from '../src/data/classes.ts';
import { openPictureSet } from '../src/data/open.ts';
import { classifierOf, type Defense, type DefenseTask, defend } from '../src/defenses/defense.ts';
import { defenses } from '../src/defenses/defenses.ts';
import { openEngine } from '../src/engine/ort-engine.ts';
import { encodeTest, measureHead } from '../src/evaluation/evaluate.ts';
import { unrecorded } from '../src/runs/recorder.ts';

const ofWeights = [1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5];

/** Rates in the order in which they are tried. */
const grids = {
  'fine-tune': ofWeights,
  cleanclip: ofWeights,
  par: ofWeights,
  'activation-tuning': ofWeights,
  'linear-probe': [1e-1, 3e-2, 1e-2, 3e-3, 1e-3],
} as const satisfies Partial<Record<keyof typeof defenses, readonly number[]>>;

type Tuned = keyof typeof grids;

/** Points of clean accuracy that a rate may cost. */
const allowed = 1;

const { values: flags } = parseArgs({
  options: {
    methods: { type: 'string', default: Object.keys(grids).join(',') },
    classes: { type: 'string', default: 'things' },
    shots: { type: 'string', default: '16' },
    seed: { type: 'string', default: '0' },
  },
});

const recorder = unrecorded();
const engine = await openEngine({ device: 'cpu', threads: availableParallelism() });
const scratch = await mkdtemp(join(tmpdir(), 'antidote-rates-'));
try {
  const clip = await openClip('emoji-clip');
  const { names: classes, templates, prompt } = await openClasses(flags.classes);
  const seed = Number(flags.seed);
  const wanted = { perClass: Number(flags.shots), seed };
  const shots = await openPictureSet('emoji:train', { classes, config: clip.config, shots: wanted });
  const test = await openPictureSet('emoji:test', { classes, config: clip.config });
  const task: DefenseTask = { engine, clip, shots, templates, prompt, seed, recorder };

  let tries = 0;
  const accuracy = async (defense: Defense, options: object): Promise<number> => {
    // A folder of its own: what the engine has mapped must not change under it.
    const folder = join(scratch, String(tries++));
    const cured = await classifierOf(task, await defend(defense, task, options), folder);
    const { ca } = measureHead(cured, await encodeTest(engine, cured.clip, test, undefined, 0, recorder));
    await rm(folder, { recursive: true, force: true });
    return (100 * ca.hits) / ca.of;
  };

  const before = await accuracy(defenses.none, {});
  const enough = ({ ca }: { ca: number }) => ca >= before - allowed;
  console.log(`clean accuracy before: ${before.toFixed(2)}, n = ${test.labels.length}`);
  console.log('| method | rate | CA | chosen |\n|---|---|---|---|');
  for (const name of flags.methods.split(',') as Tuned[]) {
    const defense: Defense = defenses[name];
    const tried: { rate: number; ca: number }[] = [];
    for (const rate of grids[name]) {
      const ca = await accuracy(defense, { ...defense.defaults, rate });
      tried.push({ rate, ca });
      console.error(`${name} at ${rate}: ${ca.toFixed(2)}`);
      if (name !== 'linear-probe' && enough({ ca })) break;
    }
    const best = tried.reduce((one, other) => (other.ca > one.ca ? other : one));
    const chosen = name === 'linear-probe' ? best : (tried.find(enough) ?? best);
    for (const one of tried) {
      console.log(`| ${name} | ${one.rate} | ${one.ca.toFixed(2)} | ${one === chosen ? 'yes' : ''} |`);
    }
  }
} finally {
  await engine.close();
  await rm(scratch, { recursive: true, force: true });
}
