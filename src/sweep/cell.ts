/** @file One cell of a matrix: its task, the hashes that determine it, and its outcome. Survives JSON. */
import { z } from 'zod';
import { AntidoteError, type Fault, faults } from '../errors.ts';
import type { Recorder } from '../runs/recorder.ts';
import { sha256Schema } from '../tensor/sha256.ts';

const record = z.record(z.string(), z.json());

/** A cell as the matrix describes it, every option resolved. Names and paths as the user wrote them. */
export const task = z.strictObject({
  /** The row: an attack's name, or the name that the matrix gives a model. */
  attack: z.string(),
  model: z.string(),
  /** The trigger that the model is measured with; null for clean accuracy only. */
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
  /** Whether the cell gets a report of its own. Reports change no number, so this is no part of the key. */
  report: z.boolean(),
});
export type Task = z.infer<typeof task>;

/** By name, SHA-256 of everything that determines the numbers; inputs that a cell does not depend on are left out. */
export const ingredients = z.record(z.string(), sha256Schema);
export type Ingredients = z.infer<typeof ingredients>;

/** The first ingredient that differs; undefined where all are equal. */
export function differingIngredient(planned: Ingredients, found: Ingredients): string | undefined {
  return [...new Set([...Object.keys(planned), ...Object.keys(found)])].find((name) => planned[name] !== found[name]);
}

/** `key` is the hash of the ingredients: equal keys, equal numbers. */
export const cell = z.strictObject({ key: sha256Schema, task, ingredients });
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

/** The counts of a computed cell, and its cost. */
export const measured = z.strictObject({
  kind: z.literal('measured'),
  counts: measures,
  /** The model before poisoning, where it is known: its ASR is the floor, its RA the ceiling. */
  clean: measures.nullable(),
  /** ASR that no defense can beat, and how it was measured. */
  floor: z.strictObject({ asr: proportion, from: z.string() }).nullable(),
  classCount: z.int().positive(),
  /** The attacker's class; null where there is none, or where it is not among the classes. */
  target: z.string().nullable(),
  /** Classes that lost accuracy against hand-written prompts on the model as it came (see `evaluation/harm.ts`). */
  harm: z.strictObject({
    classes: z.int().min(0),
    rose: z.int().min(0),
    fell: z.int().min(0),
    meanLoss: z.number(),
    lost: z.array(classChange),
    gained: z.array(classChange),
  }),
  /** One bit per test picture, base64: its clean form was classified as its class, its triggered form as the target. */
  right: z.string(),
  hit: z.string().nullable(),
  /** Diagnostics of the defense. */
  notes: record,
  seconds: z.number().min(0),
  /** Largest resident memory of the process during the computation; null where the system does not report it. */
  peakBytes: z.number().nullable(),
  machine: z.strictObject({ host: z.string(), processor: z.string(), threads: z.int().positive() }),
});
export type Measured = z.infer<typeof measured>;

/** A failure of one cell; it does not affect the other cells. */
export const failed = z.strictObject({
  kind: z.literal('failed'),
  /** A complete message. */
  error: z.string(),
  fault: z.enum(faults),
});
export type Failed = z.infer<typeof failed>;

export const outcome = z.discriminatedUnion('kind', [measured, failed]);
export type Outcome = z.infer<typeof outcome>;

/** Computes a cell. What it throws becomes the cell's error, unless the recorder's signal has aborted. */
export type CellFunction = (cell: Cell, recorder: Recorder) => Promise<Measured>;

export function failure(thrown: unknown): Failed {
  const fault: Fault = thrown instanceof AntidoteError ? thrown.fault : 'internal';
  const error = thrown instanceof Error ? thrown.message : String(thrown);
  return { kind: 'failed', error: error || 'an error without a message', fault };
}

/** Path of a cell's own report in the directory of its bench. */
export function reportOfCell(key: string): string {
  return `reports/${key}.html`;
}
