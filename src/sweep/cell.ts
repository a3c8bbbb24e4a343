/** @file One cell of a matrix: what it is to compute, what determines it, and what came of it. Survives JSON. */
import { z } from 'zod';
import { AntidoteError, type Fault } from '../errors.ts';
import type { Recorder } from '../runs/recorder.ts';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const record = z.record(z.string(), z.json());

/** What the matrix says of a cell, every option resolved. Names and paths as the user wrote them. */
export const task = z.strictObject({
  /** The row: an attack's name, or the name that the matrix gives a model. */
  attack: z.string(),
  model: z.string(),
  /** What the model is measured with; null where only clean accuracy is asked for. */
  trigger: z.string().nullable(),
  /** The attacker's class; null for the trigger's own. */
  target: z.string().nullable(),
  defense: z.string(),
  options: record,
  seed: z.int().min(0),
  classes: z.string(),
  shots: z.int().positive(),
  data: z.string(),
  /** Share of the shots that carry a wrong label. */
  wrongLabels: z.number().min(0).lt(1),
  test: z.string(),
  /** Whether a report of its own is drawn. Pictures change no number, so this is no part of the key. */
  report: z.boolean(),
});
export type Task = z.infer<typeof task>;

/** SHA-256 of everything that determines the numbers, by what it is of. What a cell does not depend on is left out. */
export const ingredients = z.record(z.string(), hash);
export type Ingredients = z.infer<typeof ingredients>;

/** What two makings of one cell differ in, the first of it; undefined where they are equal. */
export function otherIngredient(planned: Ingredients, found: Ingredients): string | undefined {
  return [...new Set([...Object.keys(planned), ...Object.keys(found)])].find((name) => planned[name] !== found[name]);
}

/** `key` is the hash of the ingredients: equal keys, equal numbers. */
export const cell = z.strictObject({ key: hash, task, ingredients });
export type Cell = z.infer<typeof cell>;

/** A share counted on a sample. */
const proportion = z.strictObject({
  hits: z.int().min(0),
  of: z.int().min(1),
  clusters: z.strictObject({ sources: z.int().min(1), effective: z.number().positive() }).exactOptional(),
});

const measures = z.strictObject({
  ca: proportion,
  asr: proportion.nullable(),
  asrAll: proportion.nullable(),
  ra: proportion.nullable(),
});

const classChange = z.strictObject({
  label: z.string(),
  n: z.int().min(1),
  sources: z.int().min(1),
  before: z.int().min(0),
  after: z.int().min(0),
});

/** What was counted, and with what effort. */
export const measured = z.strictObject({
  kind: z.literal('measured'),
  counts: measures,
  /** The model before poisoning, where it is known: its ASR is the floor, its RA the ceiling. */
  clean: measures.nullable(),
  /** ASR that no defense can beat, and what it was measured with. */
  floor: z.strictObject({ asr: proportion, from: z.string() }).nullable(),
  classCount: z.int().positive(),
  /** The attacker's class; null where there is none, or where it is not among the classes. */
  target: z.string().nullable(),
  /** Which classes paid, against hand-written prompts on the model as it came (see `evaluation/harm.ts`). */
  harm: z.strictObject({
    classes: z.int().min(0),
    rose: z.int().min(0),
    fell: z.int().min(0),
    meanLoss: z.number(),
    lost: z.array(classChange),
    gained: z.array(classChange),
  }),
  /** One bit per test picture, base64: the clean one was classified as its class, the triggered one as the target. */
  right: z.string(),
  hit: z.string().nullable(),
  /** What the defense tells of itself. */
  notes: record,
  seconds: z.number().min(0),
  /** Largest resident memory of its process while it was computed; null where the system does not tell. */
  peakBytes: z.number().nullable(),
  machine: z.strictObject({ host: z.string(), processor: z.string(), threads: z.int().positive() }),
});
export type Measured = z.infer<typeof measured>;

/** Every failure is the cell's own and leaves the others alone. */
export const failed = z.strictObject({
  kind: z.literal('failed'),
  /** Complete: can be shown alone. */
  error: z.string(),
  fault: z.enum(['usage', 'data', 'internal']),
});
export type Failed = z.infer<typeof failed>;

export const outcome = z.discriminatedUnion('kind', [measured, failed]);
export type Outcome = z.infer<typeof outcome>;

/** Computes a cell. What it throws becomes the cell's error, unless it is the recorder's own wish to stop. */
export type CellFunction = (cell: Cell, recorder: Recorder) => Promise<Measured>;

export function failure(thrown: unknown): Failed {
  const fault: Fault = thrown instanceof AntidoteError ? thrown.fault : 'internal';
  const error = thrown instanceof Error ? thrown.message : String(thrown);
  return { kind: 'failed', error: error || 'an error without a message', fault };
}

/** Where a cell's own page lies in its bench, if it was asked for. */
export function reportOfCell(key: string): string {
  return `reports/${key}.html`;
}
