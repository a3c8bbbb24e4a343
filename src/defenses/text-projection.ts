/** @file Geometry only: the target's text embedding loses its component along the dummy trigger's shift of pictures. */
import type { Head } from '../clip/clip.ts';
import { withWordEach, zeroShotHead } from '../clip/zero-shot.ts';
import { meanShift } from '../evaluation/metrics.ts';
import { rowsAt, scaleToUnit } from '../tensor/tensor.ts';
import { type Inversion, invertForms, type SearchOptions, searchDefaults } from './cbpt/inversion/dummy-triggers.ts';
import type { BlindDefense } from './defense.ts';
import { type SeenShots, seeShots } from './seen-shots.ts';

/** Stage 1 is CBPT's, so that only the later stages differ; seed and prompts are the task's. */
export interface TextProjectionOptions extends SearchOptions {
  /** Share of the component along the trigger's direction that is removed, in [0, 1]. */
  readonly removed: number;
}

const { inversion, forms, belief } = searchDefaults;

export const textProjection: BlindDefense<TextProjectionOptions> = {
  knows: 'shots',
  summary: "no training: the suspected class's text is made blind to the way the dummy trigger moves pictures",
  source: 'a control of ours (docs/method.md): what CBPT gains must be measured against it',
  defaults: { inversion, forms, belief, removed: 1 },
  async run(task, { removed, ...options }) {
    const { engine, clip, templates } = task;
    const seen = await seeShots(task, templates);
    const found = { ...seen, ...(await invertForms(task, seen, options)) };
    const { classes } = seen.zeroShot;
    return {
      kind: 'head',
      head: projected(found, removed),
      inversion: found,
      async withWord(word) {
        const prompts = withWordEach(word, templates);
        return projected({ ...found, zeroShot: await zeroShotHead(engine, clip, classes, prompts) }, removed);
      },
    };
  },
};

/**
 * With d the unit vector along the mean of e(x + delta) - e(x) over the shots, the text t of the dummy trigger's target
 * becomes t - removed (t.d) d, scaled to unit length. With all of it removed, a move along d no longer changes a picture's
 * similarity to that class. Several triggers of one class are removed together. Only believed triggers count.
 */
export function projected({ zeroShot, clean, used }: SeenShots & Pick<Inversion, 'used'>, removed: number): Head {
  const { embedding } = zeroShot;
  const embeddings = zeroShot.embeddings.slice();
  for (const row of new Set(used.map(({ target }) => target))) {
    const directions = used
      .filter(({ target }) => target === row)
      .map(({ positions, embeddings }) => meanShift(rowsAt(clean, positions), embeddings));
    const text = embeddings.subarray(row * embedding, (row + 1) * embedding);
    const parts = orthonormal(directions).map((direction) => ({ direction, along: dot(text, direction) }));
    for (const { direction, along } of parts) addTo(text, direction, -removed * along);
    // A text that lies wholly along the direction becomes zero: its cosine with every picture is zero, and its class is
    // predicted only where all other cosines are negative.
    scaleToUnit(text);
  }
  return { ...zeroShot, embeddings };
}

/** An orthonormal basis of the vectors' span (Gram and Schmidt); linearly dependent vectors are left out. */
function orthonormal(vectors: readonly Float64Array[]): Float64Array[] {
  const basis: Float64Array[] = [];
  for (const vector of vectors) {
    const rest = vector.slice();
    const length = Math.hypot(...rest);
    for (const known of basis) addTo(rest, known, -dot(rest, known));
    if (Math.hypot(...rest) <= 1e-6 * length || length === 0) continue;
    scaleToUnit(rest);
    basis.push(rest);
  }
  return basis;
}

type Vector = Float32Array | Float64Array;

function dot(a: Vector, b: Vector): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
}

function addTo(vector: Vector, other: Vector, factor: number): void {
  for (let i = 0; i < vector.length; i++) vector[i]! += factor * other[i]!;
}
