/** @file Shows that a CLIP is read right: it knows everyday things, and no other reading knows them better. */
import type { Clip } from '../clip/clip.ts';
import { type Activation, type ClipConfig, openAiPreprocessing, type Preprocessing } from '../clip/config.ts';
import { type Embeddings, encodePictures } from '../clip/encode-pictures.ts';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import { zeroShotHead } from '../clip/zero-shot.ts';
import { classTemplates } from '../data/emoji/captions.ts';
import { everydayPictures } from '../data/emoji/everyday-pictures.ts';
import type { Engine } from '../engine/engine.ts';
import { AntidoteError } from '../errors.ts';
import { percentOf } from './interval.ts';
import { cosines } from './metrics.ts';
import { binomialTail, meanOverError } from './significance.ts';

export type ReadingVerdict = 'reads right' | 'suspicious' | 'cannot tell';

/** Results of the model under one reading. */
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
  /** Called after every reading. `of` grows once where the model knows too little as it is read. */
  readonly progress?: (done: number, of: number) => void;
  readonly signal?: AbortSignal;
}

/** Certainty that the check asks for; a model that is read right is far from all of these (`reading-check.test.ts`). */
const thresholds = {
  /** Probability of so many hits by guessing, below which the model knows the pictures. */
  knows: 1e-6,
  /** Above this it guesses; between the two it knows a little. */
  guesses: 1e-2,
  /**
   * Standard errors and log-probability by which another reading must be better. Both: the two activations of a small
   * model may differ by little, but so steadily that the difference is significant, and matter to nothing.
   */
  surelyBetter: 3,
  muchBetter: 0.1,
} as const;

/** Other normalisations in use for CLIPs (open_clip `constants.py`), tried where the model knows too little. */
const rareNormalisations: readonly Normalisation[] = [
  { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  { mean: [0, 0, 0], std: [1, 1, 1] },
];

type Normalisation = Pick<Preprocessing, 'mean' | 'std'>;

/**
 * Classifies the everyday pictures as the model is read, under the other activation, and, if the normalisation is not
 * OpenAI's, under that; under all normalisations if the model knows too little as it is read.
 */
export async function checkReading(engine: Engine, clip: Clip, options: CheckOptions = {}): Promise<ReadingCheck> {
  const pictures = await everydayPictures(clip.config.image.resolution);
  const names = pictures.classes.length;
  const unnamed = namesWithoutTokens(clip, pictures);
  const scores = unnamed === undefined ? await tryReadings(engine, clip, pictures, options) : [];
  const { verdict, reasons, better } = unnamed === undefined ? judge(scores, pictures) : cannotTell(unnamed);
  return {
    verdict,
    reasons,
    classes: names,
    pictures: pictures.labels.length,
    chance: 100 / names,
    tried: scores.map(({ reading }) => reading),
    better: better?.reading ?? null,
  };
}

interface Judgement extends Pick<ReadingCheck, 'verdict' | 'reasons'> {
  readonly better?: Scored;
}

function cannotTell(unnamed: string): Judgement {
  const reason = `its vocabulary cannot write the names of everyday things (${unnamed})`;
  return { verdict: 'cannot tell', reasons: [reason] };
}

/** Scores of all readings, the chosen one first. */
async function tryReadings(
  engine: Engine,
  clip: Clip,
  pictures: PictureSet,
  { progress, signal }: CheckOptions,
): Promise<readonly Scored[]> {
  const score = scorerOf(engine, clip, pictures, signal);
  const scores: Scored[] = [];
  const scoreAll = async (configs: readonly ClipConfig[]) => {
    const planned = scores.length + configs.length;
    for (const config of configs) {
      scores.push(await score(config, scores[0]));
      progress?.(scores.length, planned);
    }
  };
  await scoreAll([
    clip.config,
    otherActivation(clip.config),
    ...otherNormalisations(clip.config, [openAiPreprocessing]),
  ]);
  if (chanceOf(scores[0]!, pictures) > thresholds.knows)
    await scoreAll(otherNormalisations(clip.config, rareNormalisations));
  return scores;
}

function judge(scores: readonly Scored[], { classes, labels }: PictureSet): Judgement {
  const chosen = scores[0]!;
  const better = clearlyBetter(scores);
  const hits = `${chosen.hits} of ${labels.length} everyday pictures get their own name out of ${classes.length}`;
  if (better) {
    const comparison =
      `${described(better, chosen)} reads better: ${better.hits} of ${labels.length} pictures against ${chosen.hits}, ` +
      `log-probability of their names up by ${(chosen.reading.loss - better.reading.loss).toFixed(2)}`;
    return { verdict: 'suspicious', reasons: [comparison, hits], better };
  }
  const chance = chanceOf(chosen, { classes, labels });
  if (chance <= thresholds.knows) {
    return { verdict: 'reads right', reasons: [hits, `no other reading is clearly better: ${others(scores)}`] };
  }
  return {
    verdict: 'suspicious',
    reasons: [
      `${hits}, ${chance <= thresholds.guesses ? 'hardly more than' : 'no more than'} by guessing, under any reading`,
      'it was hardly trained, or on other things than these, or its weights are not where they belong',
    ],
  };
}

/** Probability of at least so many hits by guessing. */
function chanceOf({ hits }: Scored, { classes, labels }: Pick<PictureSet, 'classes' | 'labels'>): number {
  return binomialTail(hits, labels.length, 1 / classes.length);
}

/** The best of the readings that are better than the chosen one by both thresholds, with no fewer hits. */
function clearlyBetter([chosen, ...rest]: readonly Scored[]): Scored | undefined {
  return rest
    .filter(({ reading: { gain, loss }, hits }) => {
      const isMuchBetter = chosen!.reading.loss - loss > thresholds.muchBetter;
      return isMuchBetter && gain > thresholds.surelyBetter && hits >= chosen!.hits;
    })
    .sort((a, b) => a.reading.loss - b.reading.loss)[0];
}

/** What a model knows under one reading. */
interface Scored {
  readonly reading: TriedReading;
  readonly hits: number;
  /** Log-probability of the own name, for every picture. */
  readonly own: Float64Array;
}

/** Scores one reading; pictures are encoded once for all readings that do not change the image tower. */
function scorerOf(engine: Engine, clip: Clip, pictures: PictureSet, signal?: AbortSignal) {
  const images = new Map<string, Promise<Embeddings>>();
  return async (config: ClipConfig, chosen?: Scored): Promise<Scored> => {
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
      const logits = Array.from(scores, (score) => head.scale * (score - highest));
      own[picture] = logits[label]! - Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
      // A tie is no hit: a model that cannot tell names apart would hit every picture.
      if (logits[label] === 0 && logits.filter((logit) => logit === 0).length === 1) hits++;
    });
    return {
      hits,
      own,
      reading: {
        activation: config.activation,
        mean,
        std,
        accuracy: percentOf({ hits, of: own.length }),
        loss: -own.reduce((sum, value) => sum + value, 0) / own.length,
        gain: chosen ? meanOverError(gains(pictures, own, chosen.own)) : 0,
      },
    };
  };
}

/** Mean gain of log-probability by class: pictures of one class share its texts and are not independent. */
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

/** The model under each normalisation that is not its own. */
function otherNormalisations(config: ClipConfig, normalisations: readonly Normalisation[]): readonly ClipConfig[] {
  const { preprocessing } = config;
  const near = (a: readonly number[], b: readonly number[]) => a.every((value, i) => Math.abs(value - b[i]!) < 1e-3);
  return normalisations
    .filter(({ mean, std }) => !near(mean, preprocessing.mean) || !near(std, preprocessing.std))
    .map(({ mean, std }) => ({ ...config, preprocessing: { ...preprocessing, mean, std } }));
}

/** "the activation gelu gets 48". */
function others([chosen, ...rest]: readonly Scored[]): string {
  return rest.map((other) => `${described(other, chosen!)} gets ${other.hits}`).join(', ');
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
