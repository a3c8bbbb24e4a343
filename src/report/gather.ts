/** @file Gathers what a report shows from measured heads: examples, triggers, classes that changed. */
import type { Clip, Head } from '../clip/clip.ts';
import type { Embeddings } from '../clip/encode-pictures.ts';
import type { PictureSet, Pictures } from '../clip/pictures/pictures.ts';
import type { Inversion } from '../defenses/cbpt/inversion/dummy-triggers.ts';
import { type AttackedHead, type TestEmbeddings, type Threat, testTrigger } from '../evaluation/evaluate.ts';
import { classChanges } from '../evaluation/harm.ts';
import { meanShift, predict, probabilities } from '../evaluation/metrics.ts';
import { type ClassPrediction, topClasses } from '../evaluation/top-classes.ts';
import { randomFor } from '../tensor/random.ts';
import { rowsAt } from '../tensor/tensor.ts';
import { pngUrl } from '../triggers/png.ts';
import { drawTrigger } from '../triggers/trigger-pictures.ts';
import type { ClassAccuracy, Example, ShownReading, ShownTrigger } from './report-data.ts';

/** The heads before and after purification, and the test set that they are compared on. */
export interface ComparedHeads {
  readonly clip: Clip;
  readonly set: PictureSet;
  readonly embeddings: TestEmbeddings;
  readonly undefended: AttackedHead;
  readonly purified: AttackedHead | undefined;
  readonly threat: Threat | undefined;
  readonly seed: number;
}

/** Test pictures of different classes, not of the target, drawn at random: predictions play no part in the choice. */
export async function exampleReadings(compared: ComparedHeads, count: number): Promise<Example[]> {
  const { set, embeddings, threat, seed } = compared;
  const seen = new Set<number>(threat ? [set.classes.indexOf(threat.target)] : []);
  const positions: number[] = [];
  for (const position of randomFor(seed, 'examples').shuffle([...set.labels.keys()])) {
    const label = set.labels[position]!;
    if (seen.has(label)) continue;
    seen.add(label);
    positions.push(position);
    if (positions.length === count) break;
  }
  const pictures = await set.read(positions);
  const triggered = threat && testTrigger(threat.trigger, seed)(pictures, positions);
  return Promise.all(
    positions.map(async (position, row) => ({
      label: set.classes[set.labels[position]!]!,
      clean: await reading(compared, 'head', embeddings.clean, position, onePicture(pictures, row)),
      triggered:
        triggered && embeddings.triggered
          ? await reading(compared, 'underAttack', embeddings.triggered, position, onePicture(triggered, row))
          : null,
    })),
  );
}

async function reading(
  { set: { size }, undefended, purified }: ComparedHeads,
  state: keyof AttackedHead,
  embeddings: Embeddings,
  position: number,
  picture: Uint8Array,
): Promise<ShownReading> {
  return {
    picture: await pngUrl(picture, [3, size, size]),
    undefended: firstChoice(undefended[state], embeddings, position),
    purified: purified ? firstChoice(purified[state], embeddings, position) : null,
  };
}

function firstChoice(head: Head, embeddings: Embeddings, row: number): ClassPrediction {
  return topClasses(head.classes, probabilities(head, embeddings, row), 1, 1)[0]!;
}

function onePicture({ data, shape }: Pictures, row: number): Uint8Array {
  const length = data.length / shape[0]!;
  return data.subarray(row * length, (row + 1) * length);
}

/** What an oracle compares dummy triggers with: clean shots, and test pictures without and with the true trigger. */
export interface OracleView {
  readonly shotsClean: Embeddings;
  readonly test: TestEmbeddings;
}

/**
 * The dummy triggers on a picture of a set, and the cosine of their feature shifts with the true one's, if that is known.
 *
 * @param used those that the defense was given; null where there was no defense
 */
export async function dummyPictures(
  drawnOn: { readonly set: PictureSet; readonly seed: number },
  { dummies, used }: Pick<Inversion, 'dummies'> & { readonly used: Inversion['used'] | null },
  oracle?: OracleView,
): Promise<ShownTrigger[]> {
  const trueShift = oracle?.test.triggered && meanShift(oracle.test.clean, oracle.test.triggered);
  return Promise.all(
    dummies.map(async (dummy) => ({
      name: dummy.name,
      pictures: await drawTrigger(drawnOn, dummy.trigger),
      predicted: dummy.shares,
      cosine: trueShift
        ? cosine(meanShift(rowsAt(oracle.shotsClean, dummy.positions), dummy.embeddings), trueShift)
        : null,
      used: used?.includes(dummy) ?? null,
    })),
  );
}

function cosine(a: Float64Array, b: Float64Array): number {
  let dot = 0;
  for (let i = 0; i < a.length; i++) dot += a[i]! * b[i]!;
  return dot / (Math.hypot(...a) * Math.hypot(...b));
}

/** Clean accuracy of every class under both heads. */
export function classAccuracies({ set, embeddings, undefended, purified }: ComparedHeads): ClassAccuracy[] {
  if (!purified) return [];
  const { labels, clean, sources } = embeddings;
  const [before, after] = [predict(undefended.head, clean), predict(purified.head, clean)];
  const changes = classChanges(set.classes, labels, before, after, sources);
  return changes.map((one) => ({ label: one.label, n: one.n, undefended: one.before, purified: one.after }));
}
