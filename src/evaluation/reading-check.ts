/** @file Shows that a CLIP is read right: it knows everyday things, and knows them under no other reading better. */
import type { Clip } from '../clip/clip.ts';
import type { Activation, ClipConfig, Preprocessing } from '../clip/config.ts';
import { type Embeddings, encodePictures } from '../clip/encode-pictures.ts';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import { zeroShotHead } from '../clip/zero-shot.ts';
import { classTemplates } from '../data/emoji/captions.ts';
import { everydayPictures } from '../data/emoji/everyday-pictures.ts';
import type { Engine } from '../engine/engine.ts';
import { AntidoteError } from '../errors.ts';
import { cosines } from './metrics.ts';
import { binomialTail, meanOverError } from './significance.ts';

export type ReadingVerdict = 'reads right' | 'suspicious' | 'cannot tell';

/** What the model knows when it is read in one way. */
export interface TriedReading {
  readonly activation: Activation;
  readonly mean: Preprocessing['mean'];
  readonly std: Preprocessing['std'];
  /** Share of the pictures whose own name is the likeliest, percent. */
  readonly accuracy: number;
  /** Mean negative log-probability of the own name. Chance: log of the number of names. */
  readonly loss: number;
  /** How clearly it is better than the chosen reading: mean gain of log-probability over its standard error. */
  readonly gain: number;
}

export interface ReadingCheck {
  readonly verdict: ReadingVerdict;
  /** Sentences, the decisive one first. */
  readonly reasons: readonly string[];
  readonly classes: number;
  readonly pictures: number;
  /** Accuracy of guessing, percent. */
  readonly chance: number;
  /** The chosen reading first; empty if none could be tried. */
  readonly tried: readonly TriedReading[];
  /** The other reading that is clearly better, if there is one. */
  readonly better: TriedReading | null;
}

export interface CheckOptions {
  /** Called after every reading that was tried. `of` grows once where the model knows too little as it is read. */
  readonly progress?: (done: number, of: number) => void;
  readonly signal?: AbortSignal;
}

/** How sure the check wants to be; all are far from what a model that is read right shows (`reading-check.test.ts`). */
export const thresholds = {
  /** Chance of so many hits by guessing, below which the model is said to know the pictures. */
  knows: 1e-6,
  /** Above this it is said to guess; between the two it is said to know a little. */
  guesses: 1e-2,
  /**
   * Standard errors and log-probability by which another reading must be better. Both: a small model's two activations
   * may differ by little, but so steadily that the difference is no accident, and matter to nothing.
   */
  surelyBetter: 3,
  muchBetter: 0.1,
} as const;

/** Normalisations in use for CLIPs (open_clip `constants.py`), tried where the chosen one may be wrong. */
const normalisations: readonly Pick<Preprocessing, 'mean' | 'std'>[] = [
  { mean: [0.48145466, 0.4578275, 0.40821073], std: [0.26862954, 0.26130258, 0.27577711] },
  { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  { mean: [0, 0, 0], std: [1, 1, 1] },
];

/**
 * Classifies the everyday pictures as the model is read, under the other activation, and, if the normalisation is not
 * OpenAI's, under that; under all normalisations if the model knows too little as it is read.
 */
export async function checkReading(engine: Engine, clip: Clip, options: CheckOptions = {}): Promise<ReadingCheck> {
  const pictures = await everydayPictures(clip.config.image.resolution);
  const size = { classes: pictures.classes.length, pictures: pictures.labels.length };
  const chance = 100 / size.classes;
  const tell = (verdict: ReadingVerdict, reasons: readonly string[], tried: readonly Scored[], better?: Scored) => ({
    verdict,
    reasons,
    ...size,
    chance,
    tried: tried.map(({ reading }) => reading),
    better: better?.reading ?? null,
  });
  const unnamed = namesWithoutTokens(clip, pictures);
  if (unnamed !== undefined)
    return tell('cannot tell', [`its vocabulary cannot write the names of everyday things (${unnamed})`], []);

  const trial = trialOn(engine, clip, pictures, options.signal);
  const tried: Scored[] = [];
  const attempt = async (configs: readonly ClipConfig[]) => {
    const planned = tried.length + configs.length;
    for (const config of configs) {
      tried.push(await trial(config, tried[0]));
      options.progress?.(tried.length, planned);
    }
  };
  const [openAi, ...rare] = normalisations.map((normalisation) => normalisedBy(clip.config, normalisation));
  await attempt([clip.config, otherActivation(clip.config), ...different(clip.config, [openAi!])]);
  const chosen = tried[0]!;
  const knows = binomialTail(chosen.hits, size.pictures, 1 / size.classes);
  if (knows > thresholds.knows) await attempt(different(clip.config, rare));

  const better = tried
    .slice(1)
    .filter(({ reading: { gain, loss }, hits }) => {
      const much = chosen.reading.loss - loss > thresholds.muchBetter;
      return much && gain > thresholds.surelyBetter && hits >= chosen.hits;
    })
    .sort((a, b) => a.reading.loss - b.reading.loss)[0];
  const hits = `${chosen.hits} of ${size.pictures} everyday pictures get their own name out of ${size.classes}`;
  if (better)
    return tell(
      'suspicious',
      [
        `${described(better, chosen)} reads better: ${better.hits} of ${size.pictures} pictures against ${chosen.hits}, ` +
          `log-probability of their names up by ${(chosen.reading.loss - better.reading.loss).toFixed(2)}`,
        hits,
      ],
      tried,
      better,
    );
  if (knows <= thresholds.knows)
    return tell('reads right', [hits, `no other reading is clearly better: ${others(tried)}`], tried);
  return tell(
    'suspicious',
    [
      `${hits}, ${knows <= thresholds.guesses ? 'hardly more than' : 'no more than'} by guessing, under any reading`,
      'it was hardly trained, or on other things than these, or its weights are not where they belong',
    ],
    tried,
  );
}

interface Scored {
  readonly reading: TriedReading;
  readonly hits: number;
  /** Log-probability of the own name, for every picture. */
  readonly own: Float64Array;
}

/** Classifies the pictures under one configuration; towers that do not differ are not run again. */
function trialOn(engine: Engine, clip: Clip, pictures: PictureSet, signal?: AbortSignal) {
  const images = new Map<string, Promise<Embeddings>>();
  return async (config: ClipConfig, against?: Scored): Promise<Scored> => {
    const read: Clip = { ...clip, config };
    const { mean, std } = config.preprocessing;
    const key = JSON.stringify([mean, std, config.image.kind === 'vit' && config.activation]);
    const encoded = images.get(key) ?? encodePictures(engine, read, pictures, signal ? { signal } : {});
    images.set(key, encoded);
    const embeddings = await encoded;
    const head = await zeroShotHead(engine, read, pictures.classes, classTemplates);
    const own = new Float64Array(pictures.labels.length);
    const scores = new Float32Array(pictures.classes.length);
    let hits = 0;
    pictures.labels.forEach((label, picture) => {
      cosines(head, embeddings, picture, scores);
      const highest = Math.max(...scores);
      const behind = Array.from(scores, (score) => head.scale * (score - highest));
      own[picture] = behind[label]! - Math.log(behind.reduce((sum, logit) => sum + Math.exp(logit), 0));
      // Alone at the top: a model for which all names are one knows none.
      if (behind[label] === 0 && behind.filter((logit) => logit === 0).length === 1) hits++;
    });
    return {
      hits,
      own,
      reading: {
        activation: config.activation,
        mean,
        std,
        accuracy: (100 * hits) / own.length,
        loss: -own.reduce((sum, value) => sum + value, 0) / own.length,
        gain: against ? meanOverError(gains(pictures, own, against.own)) : 0,
      },
    };
  };
}

/** Mean gain of log-probability class by class: pictures of one class share its texts and are not independent. */
function gains({ classes, labels }: PictureSet, own: Float64Array, before: Float64Array): number[] {
  const sums = classes.map(() => ({ gain: 0, count: 0 }));
  labels.forEach((label, picture) => {
    sums[label]!.gain += own[picture]! - before[picture]!;
    sums[label]!.count++;
  });
  return sums.filter(({ count }) => count > 0).map(({ gain, count }) => gain / count);
}

function otherActivation(config: ClipConfig): ClipConfig {
  return { ...config, activation: config.activation === 'gelu' ? 'quick-gelu' : 'gelu' };
}

function normalisedBy(config: ClipConfig, normalisation: Pick<Preprocessing, 'mean' | 'std'>): ClipConfig {
  return { ...config, preprocessing: { ...config.preprocessing, ...normalisation } };
}

function different({ preprocessing: { mean, std } }: ClipConfig, others: readonly ClipConfig[]): readonly ClipConfig[] {
  const near = (a: readonly number[], b: readonly number[]) => a.every((value, i) => Math.abs(value - b[i]!) < 1e-3);
  return others.filter(({ preprocessing }) => !near(preprocessing.mean, mean) || !near(preprocessing.std, std));
}

/** "gelu 48". */
function others(tried: readonly Scored[]): string {
  const [chosen] = tried;
  return tried
    .slice(1)
    .map((other) => `${described(other, chosen!)} gets ${other.hits}`)
    .join(', ');
}

function described(better: Scored, chosen: Scored): string {
  const { activation, mean, std } = better.reading;
  if (activation !== chosen.reading.activation) return `the activation ${activation}`;
  return `a normalisation by mean [${mean.join(', ')}] and standard deviation [${std.join(', ')}]`;
}

/** Why the names cannot be written with the model's tokens; undefined if they can. */
function namesWithoutTokens({ tokenizer }: Clip, { classes }: PictureSet): string | undefined {
  try {
    for (const name of classes) for (const template of classTemplates) tokenizer.encode(template.replace('{}', name));
  } catch (error) {
    if (error instanceof AntidoteError) return `found ${error.found}, expected ${error.expected}`;
    throw error;
  }
  return undefined;
}
