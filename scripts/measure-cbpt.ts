/** @file Defences on the built-in poisoned models, as the table of docs/method.md: `npm run measure -- [--methods a,b]`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type AttackName, attackNames } from '../src/attacks/attacks.ts';
import { openThreat } from '../src/attacks/threat.ts';
import { openClip } from '../src/checkpoints/open.ts';
import type { Clip, Head } from '../src/clip/clip.ts';
import { zeroShotHead } from '../src/clip/zero-shot.ts';
import { openClasses } from '../src/data/classes.ts';
import { openPictureSet } from '../src/data/open.ts';
import { cbptDefaults } from '../src/defenses/cbpt/purify.ts';
import { classifierOf, type Defence, defend } from '../src/defenses/defense.ts';
import { defenceNames, defences } from '../src/defenses/defenses.ts';
import { openEngine } from '../src/engine/ort-engine.ts';
import { encodeTest, measureHead } from '../src/evaluation/evaluate.ts';
import { confidence, type Proportion } from '../src/evaluation/interval.ts';
import type { Measures } from '../src/evaluation/metrics.ts';
import { seedMean } from '../src/evaluation/student.ts';
import { unrecorded } from '../src/runs/unrecorded.ts';

const { values: flags } = parseArgs({
  options: {
    attacks: { type: 'string', default: attackNames.join(',') },
    classes: { type: 'string', default: 'things' },
    shots: { type: 'string', default: '16' },
    seeds: { type: 'string', default: '1,2,3' },
    methods: { type: 'string', default: 'cbpt,oracle,coop,random-delta' },
  },
});
const seeds = flags.seeds.split(',').map(Number);
const methods = flags.methods.split(',').map((name) => {
  const known = defenceNames.find((one) => one === name);
  if (!known) throw new Error(`unknown method "${name}": one of ${defenceNames.join(', ')}`);
  return known;
});

const quiet = unrecorded((event) => {
  if (event.stage.endsWith('-result')) console.error(JSON.stringify(event));
});
const { templates } = cbptDefaults;
const engine = await openEngine({ device: 'cpu', threads: availableParallelism() });
const scratch = await mkdtemp(join(tmpdir(), 'antidote-measure-'));
try {
  const classes = await openClasses(flags.classes);
  console.log('| attack | method | seed | CA | ASR | RA | n | seconds |\n|---|---|---|---|---|---|---|---|');
  for (const attack of flags.attacks.split(',') as AttackName[]) {
    const clip = await openClip(`emoji-clip:${attack}`);
    const test = await openPictureSet('emoji:test', { classes, config: clip.config });
    const threat = await openThreat(attack, clip.config.image.resolution);
    const measured = async (of: Clip, head: Head) =>
      measureHead(head, await encodeTest(engine, of, test, threat, 0, quiet), threat);

    const clean = await openClip('emoji-clip');
    row(attack, 'clean model', '', await measured(clean, await zeroShotHead(engine, clean, classes, templates)));
    row(attack, 'undefended', '', await measured(clip, await zeroShotHead(engine, clip, classes, templates)));
    for (const name of methods) {
      const results: Measures[] = [];
      for (const seed of seeds) {
        const started = performance.now();
        const wanted = { perClass: Number(flags.shots), seed };
        const shots = await openPictureSet('emoji:train', { classes, config: clip.config, shots: wanted });
        const task = { engine, clip, shots, templates, seed, recorder: quiet };
        // A folder of its own: what the engine has mapped must not change under it.
        const folder = join(scratch, `${attack}-${name}-${seed}`);
        const defence: Defence = defences[name];
        const cured = await classifierOf(task, await defend(defence, task, defence.defaults, threat), folder);
        const seconds = (performance.now() - started) / 1000;
        const result = await measured(cured.clip, cured.head);
        await rm(folder, { recursive: true, force: true });
        results.push(result);
        row(attack, name, String(seed), result, seconds);
      }
      if (seeds.length > 1) meanRow(attack, name, results);
    }
  }
} finally {
  await engine.close();
  await rm(scratch, { recursive: true, force: true });
}

/** A share in percent with its interval, which counts drawings. */
function percent(share: Proportion | null): string {
  if (!share) return '-';
  const { low, high } = confidence(share);
  return `${((100 * share.hits) / share.of).toFixed(2)} (${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)})`;
}

function row(attack: string, name: string, seed: string, { ca, asr, ra }: Measures, seconds?: number): void {
  const n = `${ca.of} of ${ca.clusters?.sources ?? ca.of} drawings`;
  const cells = [attack, name, seed, percent(ca), percent(asr), percent(ra), n, seconds?.toFixed(0) ?? ''];
  console.log(`| ${cells.join(' | ')} |`);
}

/** Means over the seeds with Student's t interval. */
function meanRow(attack: string, name: string, results: readonly Measures[]): void {
  const cells = (['ca', 'asr', 'ra'] as const).map((key) => {
    const shares = results.flatMap((result) => (result[key] ? [(100 * result[key].hits) / result[key].of] : []));
    if (shares.length === 0) return '-';
    const { mean, interval } = seedMean(shares);
    return interval
      ? `${mean.toFixed(2)} (${interval.low.toFixed(1)} to ${interval.high.toFixed(1)})`
      : mean.toFixed(2);
  });
  console.log(`| ${[attack, `**${name}**`, 'mean', ...cells, `${results.length} seeds`, ''].join(' | ')} |`);
}
