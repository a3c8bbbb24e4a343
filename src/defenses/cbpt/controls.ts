/** @file CBPT and its controls. Each control changes one option and so shows the contribution of one part. */
import { randomFor } from '../../tensor/random.ts';
import { float32 } from '../../tensor/tensor.ts';
import type { Trigger } from '../../triggers/trigger.ts';
import type { BlindDefense, Cure, DefenseTask, OracleDefense } from '../defense.ts';
import { beliefInAll } from './inversion/dummy-triggers.ts';
import type { Form } from './inversion/forms.ts';
import { type CbptOptions, cbptDefaults, purify } from './purify.ts';
import { headWithWord } from './tuning/word-before.ts';

/** CBPT's options without prompts and seed, which are the task's and the same for all defenses. */
export type CbptRecipe = Omit<CbptOptions, 'templates' | 'prompt' | 'seed'>;

type Cbpt = BlindDefense<CbptRecipe>;

const { inversion, tuning, views, forms, belief } = cbptDefaults;
const recipe: CbptRecipe = { inversion, tuning, views, forms, belief };

async function run(task: DefenseTask, options: CbptRecipe, known?: readonly Trigger[]): Promise<Cure> {
  const { engine, clip, shots, templates, prompt, seed, recorder } = task;
  const found = await purify(
    engine,
    clip,
    shots,
    { ...options, templates, prompt, seed },
    recorder,
    known && { known },
  );
  const { head, prompts } = found;
  return {
    kind: 'head',
    head,
    inversion: found,
    withWord: (word) => headWithWord(engine, clip, prompts, head, word),
  };
}

function cbpt(summary: string, change: Partial<CbptRecipe> = {}): Cbpt {
  return {
    knows: 'shots',
    summary,
    source: 'arXiv 2502.19269, reconstructed from the abstract: docs/method.md',
    defaults: { ...recipe, ...change },
    run: (task, options) => run(task, options),
  };
}

const tuned = (summary: string, change: Partial<CbptRecipe['tuning']>) =>
  cbpt(summary, { tuning: { ...tuning, ...change } });

/** CBPT with other words before the class name: all contexts start as words; long ones repeat the usual four. */
const startingFrom = (tokens: string, words: string): Cbpt => ({
  ...cbpt(`CBPT with contexts of ${tokens}`),
  run: (task, options) => {
    const rest = task.prompt.slice(task.prompt.indexOf('{}'));
    return run({ ...task, prompt: `${words} ${rest}` }, options);
  },
});

const fourWords = 'a photo of a';
const repeated = (times: number) => new Array<string>(times).fill(fourWords).join(' ');

/** Only this form, believed at any concentration: what the form finds by itself. */
const only = (form: Form): Partial<CbptRecipe> => ({ forms: [form], belief: beliefInAll });

/** `bound` in units of 1/255. */
const additive = (bound: number) =>
  cbpt(`CBPT with the additive form alone, at most ${bound}/255`, {
    ...only('additive'),
    inversion: { ...inversion, bound: bound / 255 },
  });

const randomDelta: Cbpt = {
  ...cbpt('CBPT with random noise in place of the inverted trigger, as large as the additive form (12/255)', {
    forms: [],
  }),
  run: (task, options) => run(task, options, [signNoise(task.shots.size, options.inversion.bound, task.seed)]),
};

const oracle: OracleDefense<CbptRecipe> = {
  ...cbpt('CBPT told the true trigger: what prompts could do at best'),
  knows: 'threat',
  run: (task, options, threat) => run(task, options, [threat.trigger]),
};

export const cbptAndControls = {
  cbpt: cbpt('dummy triggers inverted, then one prompt tuned for each class'),
  coop: cbpt('CBPT without any trigger: prompts tuned on clean pictures alone (the triggered loss off)', { forms: [] }),
  'random-delta': randomDelta,
  oracle,
  'cbpt-no-clean': tuned('CBPT without the loss on clean pictures', { cleanWeight: 0 }),
  'cbpt-no-margin': tuned('CBPT without the margin against the target on triggered pictures', { margin: 0 }),
  'cbpt-one-view': cbpt('CBPT tuned on the shots as they are alone', { views: 1 }),
  'cbpt-no-anchor': tuned('CBPT without the loss that holds prompts near their words', { anchorWeight: 0 }),
  'cbpt-shared': tuned('CBPT with one context for all classes', { contexts: 'shared' }),
  'cbpt-m1': startingFrom('one token', 'a'),
  'cbpt-m8': startingFrom('eight tokens', repeated(2)),
  'cbpt-m16': startingFrom('sixteen tokens', repeated(4)),
  'cbpt-sparse': cbpt('CBPT with the sparse form alone', only('sparse')),
  'cbpt-patch': cbpt('CBPT with the moving patch alone', only('patch')),
  'cbpt-waves': cbpt('CBPT with sampled waves alone', only('waves')),
  'cbpt-eps4': additive(4),
  'cbpt-eps8': additive(8),
  'cbpt-eps12': additive(12),
  'cbpt-eps16': additive(16),
  'cbpt-farthest-text': cbpt('CBPT with the farthest texts as positives (variant V1)', {
    inversion: { ...inversion, variant: 'farthest-text' },
  }),
} satisfies Record<string, Cbpt | OracleDefense<CbptRecipe>>;

/** Random signs times `bound`: the largest perturbation in the max-norm ball, without meaning for any model. */
function signNoise(size: number, bound: number, seed: number): Trigger {
  const random = randomFor(seed, 'sign-noise');
  const data = Float32Array.from({ length: 3 * size * size }, () => (random.uniform() < 0.5 ? -bound : bound));
  return { kind: 'additive', delta: float32(data, [3, size, size]), bound };
}
