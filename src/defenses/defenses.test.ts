/** @file The table of defenses: all run alike, blind ones see no threat, and controls change only what they name. */
import { expect, test, vi } from 'vitest';
import { zeroShotHead } from '../clip/zero-shot.ts';
import { encodeTest, measureHead } from '../evaluation/evaluate.ts';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { float32 } from '../tensor/tensor.ts';
import type { CbptRecipe } from './cbpt/controls.ts';
import { beliefInAll } from './cbpt/inversion/dummy-triggers.ts';
import { type Cure, classifierOf, type Defense, type DefenseTask, defend } from './defense.ts';
import { type DefenseName, defenseNames, defenses } from './defenses.ts';
import { colouredShots, keeping, openedTinyClip, tinyTask } from './tiny-clip.test-support.ts';

const folder = temporaryFolder();
const tiny = openedTinyClip(folder, 60_000);

/** Every method compiles its graphs: seconds each, more on a busy machine. */
vi.setConfig({ testTimeout: 300_000 });

const shots = colouredShots();
const pattern = float32(new Float32Array(3 * 16).fill(1), [3, 4, 4]);
const threat = {
  trigger: { kind: 'patch' as const, pattern, placement: { top: 0, left: 0 } },
  target: 'banana',
};

function task(recorder = keeping().recorder, seed = 1): DefenseTask {
  return tinyTask({ engine: tiny.engine, clip: tiny.clip, shots, recorder }, seed);
}

/** A method's own recipe with two or three steps instead of hundreds. */
function shortened({ defaults }: Defense): object {
  const { inversion, tuning } = defaults as Partial<CbptRecipe>;
  return {
    ...defaults,
    ...('steps' in defaults && { steps: 3, batch: 6 }),
    ...(inversion && { inversion: { ...inversion, steps: 2, batch: 4, patchBatch: 4 } }),
    ...(tuning && { tuning: { ...tuning, steps: 3 } }),
  };
}

async function run(name: DefenseName, given = task()): Promise<Cure> {
  const defense: Defense = defenses[name];
  return defend(defense, given, shortened(defense), threat);
}

async function headOf(name: DefenseName, given = task()) {
  const cure = await run(name, given);
  if (cure.kind !== 'head') throw new Error(`${name} keeps the image encoder`);
  return cure.head.embeddings;
}

const heads: readonly DefenseName[] = ['cbpt', 'coop', 'random-delta', 'oracle', 'cbpt-shared', 'linear-probe'];

test.each(heads)(
  '%s gives a head of unit rows that is not the zero-shot one, the same for the same seed',
  async (name) => {
    const embeddings = await headOf(name);
    expect(embeddings).toEqual(await headOf(name));
    const zeroShot = await zeroShotHead(tiny.engine, tiny.clip, shots.classes, ['a photo of a {}.']);
    expect(embeddings).toHaveLength(zeroShot.embeddings.length);
    expect(embeddings).not.toEqual(zeroShot.embeddings);
    for (let row = 0; row < shots.classes.length; row++) {
      expect(Math.hypot(...embeddings.subarray(12 * row, 12 * row + 12))).toBeCloseTo(1, 5);
    }
  },
);

test('no defense is the zero-shot head, and the text projection starts from it', async () => {
  const zeroShot = await zeroShotHead(tiny.engine, tiny.clip, shots.classes, ['a photo of a {}.']);
  expect(await headOf('none')).toEqual(zeroShot.embeddings);
  expect(await headOf('text-projection')).toHaveLength(zeroShot.embeddings.length);
});

test('a linear probe learns, and resumes where it stopped, byte for byte', async () => {
  const defense: Defense = defenses['linear-probe'];
  const options = { ...defense.defaults, steps: 60, batch: 6 };
  const whole = keeping();
  const cure = await defend(defense, task(whole.recorder), options);
  const losses = whole.events.filter(({ stage }) => stage === 'linear-probe').map(({ loss }) => Number(loss));
  expect(losses.at(-1)!).toBeLessThan(losses[0]!);
  const first = keeping(new Map(), { stage: 'linear-probe', step: 31 });
  await expect(defend(defense, task(first.recorder), options)).rejects.toThrow('stopped');
  expect(await defend(defense, task(keeping(first.saved).recorder), options)).toEqual(cure);
});

test('any cure is measured like any other, whether it kept the image encoder or not', async () => {
  for (const name of ['none', 'fine-tune'] as const) {
    const cured = await classifierOf(task(), await run(name), `${folder()}/${name}`);
    const embeddings = await encodeTest(tiny.engine, cured.clip, shots, threat, 0, keeping().recorder);
    const { ca, asr } = measureHead(cured, embeddings, threat);
    expect([ca.of, asr?.of]).toEqual([12, 8]);
  }
});

test('an oracle without a trigger is refused, and a blind defense receives none', async () => {
  await expect(defend(defenses.oracle as Defense, task())).rejects.toThrow(/the true trigger/);
  const received: unknown[] = [];
  const blind: Defense = {
    knows: 'shots',
    summary: '',
    source: '',
    defaults: {},
    async run(...given: unknown[]) {
      received.push(...given);
      return { kind: 'model', parameters: {} };
    },
  };
  const given = task();
  await defend(blind, given, {}, threat);
  expect(received).toEqual([given, {}]);
});

test('the random delta is used in place of inversion', async () => {
  const { recorder, saved } = keeping();
  await run('random-delta', task(recorder));
  expect([...saved.keys()].sort()).toEqual(['features', 'known-0', 'prompts', 'tune', 'views']);
});

test('a shared context is one for all classes, and longer contexts have as many tokens as their names say', async () => {
  const contexts = async (name: DefenseName) => {
    const { recorder, saved } = keeping();
    const defense: Defense = defenses[name];
    const options = { ...(shortened(defense) as CbptRecipe), forms: [] };
    await defend(defense, task(recorder), options);
    return saved.get('tune')!.tensors.contexts!.shape;
  };
  expect(await contexts('cbpt')).toEqual([3, 4, 16]);
  expect(await contexts('cbpt-shared')).toEqual([1, 4, 16]);
  expect(await contexts('cbpt-m1')).toEqual([3, 1, 16]);
  expect(await contexts('cbpt-m8')).toEqual([3, 8, 16]);
  expect(await contexts('cbpt-m16')).toEqual([3, 16, 16]);
});

test('controls differ from CBPT only in what they name', () => {
  const { defaults } = defenses.cbpt;
  expect(defenses.coop.defaults).toEqual({ ...defaults, forms: [] });
  expect(defenses['cbpt-one-view'].defaults).toEqual({ ...defaults, views: 1 });
  expect(defenses['cbpt-no-anchor'].defaults).toEqual({ ...defaults, tuning: { ...defaults.tuning, anchorWeight: 0 } });
  expect(defenses['cbpt-no-clean'].defaults).toEqual({ ...defaults, tuning: { ...defaults.tuning, cleanWeight: 0 } });
  for (const [name, bound] of [
    ['cbpt-eps4', 4],
    ['cbpt-eps8', 8],
    ['cbpt-eps12', 12],
    ['cbpt-eps16', 16],
  ] as const) {
    const expected = { ...defaults, forms: ['additive'], belief: beliefInAll };
    expect(defenses[name].defaults).toEqual({ ...expected, inversion: { ...defaults.inversion, bound: bound / 255 } });
  }
});

test('every entry has a summary and a source, and its recipe survives JSON', () => {
  for (const name of defenseNames) {
    const { summary, source, defaults }: Defense = defenses[name];
    expect(summary, name).not.toBe('');
    expect(source, name).not.toBe('');
    expect(JSON.parse(JSON.stringify(defaults)), name).toEqual(defaults);
  }
});

test('all methods that change weights take the same steps and batches', () => {
  const recipes = ['fine-tune', 'cleanclip', 'par', 'activation-tuning'] as const;
  const { steps, batch } = defenses['fine-tune'].defaults;
  for (const name of recipes) expect(defenses[name].defaults).toMatchObject({ steps, batch });
});
