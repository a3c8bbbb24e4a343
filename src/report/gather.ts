/** @file What a report shows, gathered from measured heads: examples, triggers, classes that changed. */
import type { Clip, Head } from '../clip/clip.ts';
import type { Embeddings } from '../clip/encode-pictures.ts';
import type { PictureSet, Pictures } from '../clip/pictures/pictures.ts';
import type { Inversion } from '../defenses/cbpt/inversion/dummy-triggers.ts';
import { type TestEmbeddings, type Threat, testTrigger } from '../evaluation/evaluate.ts';
import { classChanges } from '../evaluation/harm.ts';
import { meanShift } from '../evaluation/mean-shift.ts';
import { predict, probabilities } from '../evaluation/metrics.ts';
import { randomFor } from '../tensor/random.ts';
import { rowsAt } from '../tensor/tensor.ts';
import { pngUrl } from '../triggers/png.ts';
import { drawTrigger } from '../triggers/trigger-pictures.ts';
import type { ClassAccuracy, DummyTrigger, Example, Prediction, Reading } from './report-data.ts';

/** A test set, how one image tower sees it, and the heads that are compared on it. */
export interface Measured extends HeadPair {
  readonly clip: Clip;
  readonly set: PictureSet;
  readonly embeddings: TestEmbeddings;
  /** The same two heads while the attack is on: others only if the threat has a word. */
  readonly underAttack: HeadPair;
  readonly threat: Threat | undefined;
  readonly seed: number;
}

/** Before and after purification. */
export interface HeadPair {
  readonly undefended: Head;
  readonly purified: Head | undefined;
}

/** Test pictures of different classes, not of the target, drawn at random: not chosen by what any model says. */
export async function exampleReadings(measured: Measured, count: number): Promise<Example[]> {
  const { set, embeddings, threat, seed, underAttack } = measured;
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
      clean: await reading(measured, embeddings.clean, position, onePicture(pictures, row), set.size),
      triggered:
        triggered && embeddings.triggered
          ? await reading(underAttack, embeddings.triggered, position, onePicture(triggered, row), set.size)
          : null,
    })),
  );
}

async function reading(
  { undefended, purified }: HeadPair,
  embeddings: Embeddings,
  position: number,
  picture: Uint8Array,
  size: number,
): Promise<Reading> {
  return {
    picture: await pngUrl(picture, [3, size, size]),
    undefended: firstChoice(undefended, embeddings, position),
    purified: purified ? firstChoice(purified, embeddings, position) : null,
  };
}

function firstChoice(head: Head, embeddings: Embeddings, row: number): Prediction {
  const shares = probabilities(head, embeddings, row);
  const best = shares.indexOf(Math.max(...shares));
  return { label: head.classes[best]!, probability: shares[best]! };
}

function onePicture({ data, shape }: Pictures, row: number): Uint8Array {
  const length = data.length / shape[0]!;
  return data.subarray(row * length, (row + 1) * length);
}

/** What an oracle's view of dummy triggers needs: shots as they are, and test pictures with and without the true trigger. */
export interface OracleView {
  readonly shotsClean: Embeddings;
  readonly test: TestEmbeddings;
}

/**
 * The dummy triggers on a picture of a set, and how alike they move the features to the true one, if that is known.
 *
 * @param used what a defense was given of them; null where nothing was defended
 */
export async function dummyPictures(
  drawnOn: { readonly set: PictureSet; readonly seed: number },
  { dummies, used }: Pick<Inversion, 'dummies'> & { readonly used: Inversion['used'] | null },
  oracle?: OracleView,
): Promise<DummyTrigger[]> {
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
export function classAccuracies({ set, embeddings, undefended, purified }: Measured): ClassAccuracy[] {
  if (!purified) return [];
  const { labels, clean, sources } = embeddings;
  const changes = classChanges(set.classes, labels, predict(undefended, clean), predict(purified, clean), sources);
  return changes.map(({ label, n, before, after }) => ({ label, n, undefended: before, purified: after }));
}
