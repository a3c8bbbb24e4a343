/** @file The defences that a matrix may name, each as a function from a poisoned model to a classifier. */
import type { Clip, Head } from '../clip/clip.ts';
import type { Embeddings } from '../clip/encode.ts';
import { zeroShotHead } from '../clip/zero-shot.ts';
import type { PictureSet } from '../data/pictures.ts';
import { type CbptOptions, cbptDefaults, type Purification, purify } from '../defenses/cbpt/purify.ts';
import type { Engine } from '../engine/engine.ts';
import { badUsage } from '../errors.ts';
import type { Threat } from '../evaluation/evaluate.ts';
import type { JsonRecord } from '../runs/config.ts';
import type { Recorder } from '../runs/recorder.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { OptionProblem } from './options.ts';

/** What a defence works with. */
export interface Given {
  readonly engine: Engine;
  readonly clip: Clip;
  readonly shots: PictureSet;
  /** What the model is measured with. Only an oracle looks at it. */
  readonly threat: Threat | undefined;
  readonly options: JsonRecord;
  readonly seed: number;
  readonly recorder: Recorder;
  /** Embeddings of the shots by the untouched model, computed once for all defences. */
  readonly shotFeatures: () => Promise<Embeddings>;
}

export interface Defended {
  readonly head: Head;
  /** The model with changed weights; left out where the encoders stay as they are. */
  readonly clip?: Clip;
  /** What the defence tells of itself, for the cell's page. */
  readonly notes: JsonRecord;
  /** What a report of the cell can show of the way there. */
  readonly purification?: Purification;
}

export interface BenchDefense {
  readonly summary: string;
  /** False where neither shots nor seed change anything: all seeds are then one cell. */
  readonly usesShots: boolean;
  /** Told the trigger, which no defender knows. */
  readonly oracle: boolean;
  readonly defaults: JsonRecord;
  /** @throws OptionProblem for a value that the defaults' kind alone does not rule out */
  readonly check?: (options: JsonRecord) => void;
  defend(given: Given): Promise<Defended>;
}

export type BenchDefenses = Readonly<Record<string, BenchDefense>>;

/** CBPT's options without its seed, which is the cell's. */
type Tuned = Omit<CbptOptions, 'seed'>;

const { seed: _, ...tuned } = cbptDefaults;
/** Plain numbers, texts and lists: it survives JSON, which its type cannot say. */
const cbptOptions = tuned as unknown as JsonRecord;

const variants: readonly string[] = ['farthest-text', 'collapse', 'target'] satisfies Tuned['inversion']['variant'][];

function checkCbpt(options: JsonRecord): void {
  const { inversion, forms } = options as unknown as Tuned;
  if (!variants.includes(inversion.variant)) {
    throw new OptionProblem(
      ['inversion', 'variant'],
      JSON.stringify(inversion.variant),
      `one of ${variants.join(', ')}`,
    );
  }
  const known: readonly string[] = ['additive', 'sparse', 'patch'];
  const wrong = forms.find((form) => !known.includes(form));
  if (wrong !== undefined) throw new OptionProblem(['forms'], JSON.stringify(wrong), `some of ${known.join(', ')}`);
}

/** CBPT, or a control of it that is handed its dummy triggers instead of inverting any. */
function cbpt(
  summary: string,
  known?: (threat: Threat | undefined) => readonly Trigger[],
  oracle = false,
): BenchDefense {
  return {
    summary,
    usesShots: true,
    oracle,
    defaults: cbptOptions,
    check: checkCbpt,
    async defend({ engine, clip, shots, threat, options, seed, recorder, shotFeatures }) {
      const all = { ...(options as unknown as Tuned), seed };
      const told = withShotFeatures(recorder, shotFeatures);
      const purification = await purify(engine, clip, shots, all, told, known?.(threat));
      const notes = {
        dummies: purification.dummies.map((dummy) => dummyNote(dummy, purification.used.includes(dummy))),
      };
      return { head: purification.head, notes, purification };
    },
  };
}

/** To `purify`, features that another cell has computed are those of an earlier attempt. */
function withShotFeatures(recorder: Recorder, shotFeatures: Given['shotFeatures']): Recorder {
  return {
    ...recorder,
    async restore(stage) {
      if (stage !== 'features') return recorder.restore(stage);
      const embeddings = await shotFeatures();
      return { step: embeddings.shape[0] ?? 0, tensors: { embeddings } };
    },
  };
}

function dummyNote(
  { form, concentration, dominant, size }: Purification['dummies'][number],
  used: boolean,
): JsonRecord {
  return { form, concentration, dominant, size, used };
}

export const benchDefenses: BenchDefenses = {
  none: {
    summary: 'no defence: hand-written prompts',
    usesShots: false,
    oracle: false,
    defaults: { templates: [...cbptDefaults.templates] },
    async defend({ engine, clip, shots, options }) {
      const { templates } = options as unknown as Pick<CbptOptions, 'templates'>;
      return { head: await zeroShotHead(engine, clip, shots.classes, templates), notes: {} };
    },
  },
  coop: cbpt('prompts tuned on clean pictures alone', () => []),
  cbpt: cbpt('class-wise prompts against inverted dummy triggers'),
  oracle: cbpt(
    'class-wise prompts against the true trigger',
    (threat) => {
      if (!threat) throw badUsage('oracle', 'a model without a trigger', 'the trigger that the oracle is to be told');
      return [threat.trigger];
    },
    true,
  ),
};
