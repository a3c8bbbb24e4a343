/** @file Geometry alone: the suspected class's text loses its part along the way that the dummy trigger moves pictures. */
import type { Head } from '../clip/clip.ts';
import { withWordEach, zeroShotHead } from '../clip/zero-shot.ts';
import { meanShift } from '../evaluation/mean-shift.ts';
import { rowsAt } from '../tensor/tensor.ts';
import { scaleToUnit } from '../tensor/unit.ts';
import { type DummyOptions, type Inversion, invertForms } from './cbpt/inversion/dummy-triggers.ts';
import { cbptDefaults } from './cbpt/purify.ts';
import { type SeenShots, seeShots } from './cbpt/seen-shots.ts';
import type { BlindDefense } from './defense.ts';

/** Stage 1 as CBPT does it, so that what is compared is what comes after; seed and prompts are the task's. */
export interface TextProjectionOptions extends Omit<DummyOptions, 'seed'> {
  /** Share of the part along the trigger's direction that is taken off, in [0, 1]. */
  readonly removed: number;
}

const { inversion, forms, belief } = cbptDefaults;

export const textProjection: BlindDefense<TextProjectionOptions> = {
  knows: 'shots',
  summary: "no training: the suspected class's text is made blind to the way the dummy trigger moves pictures",
  source: 'a control of ours (docs/method.md): what CBPT gains must be measured against it',
  defaults: { inversion, forms, belief, removed: 1 },
  async run({ engine, clip, shots, templates, seed, recorder }, { removed, ...options }) {
    const seen = await seeShots(engine, clip, shots, templates, recorder);
    const found = { ...seen, ...(await invertForms(engine, clip, shots, seen, { ...options, seed }, recorder)) };
    const { classes } = seen.zeroShot;
    return {
      kind: 'head',
      head: projected(found, removed),
      inversion: found,
      async withWord(word) {
        const said = withWordEach(word, templates);
        return projected({ ...found, zeroShot: await zeroShotHead(engine, clip, classes, said) }, removed);
      },
    };
  },
};

/**
 * With d the unit vector along the mean of e(x + delta) - e(x) over the shots, the text t of the dummy trigger's target
 * becomes t - removed (t.d) d, at unit length: with all of it removed, a move along d no longer changes how much a
 * picture looks like that class. Several triggers of one class are removed together. Only believed triggers count.
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
    // A text that lay wholly along the direction has nothing left to point with: it stays zero, with a cosine of zero to
    // every picture, and is chosen only where all others are negative.
    scaleToUnit(text);
  }
  return { ...zeroShot, embeddings };
}

/** An orthonormal basis of what the vectors span (Gram and Schmidt); what adds nothing new is left out. */
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
