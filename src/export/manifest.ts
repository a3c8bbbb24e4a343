/** @file `export.json`: what an exported folder is, what it was made from, and what each of its files is for. */
import * as z from 'zod/mini';
import type { PreprocessConfig } from '../clip/pictures/preprocess.ts';
import { badData } from '../errors.ts';

// Read in browsers too: nothing here may need Node, and zod's small form keeps the browser's file small.

export const manifestFile = 'export.json';

const hash = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const three = (number: z.ZodMiniNumber) => z.tuple([number, number, number]);

const schema = z.object({
  format: z.literal(1),
  /** Version of neural-antidote that wrote the folder. */
  antidote: z.string(),
  method: z.string(),
  /** The untouched model, by hash: a head is worth nothing with another one. */
  model: z.object({
    name: z.string(),
    sha256: hash,
    /** Where it was fetched from, if it was. */
    hub: z.nullable(z.object({ repository: z.string(), revision: z.string(), commit: z.string() })),
    /** What is known of its licence; null if its folder says nothing. */
    licence: z.nullable(z.string()),
  }),
  /** How the head was made; null if it was written by a program that kept no run. */
  run: z.nullable(
    z.object({
      command: z.string(),
      started: z.string(),
      versions: z.record(z.string(), z.string()),
      /** SHA-256 of what was read, by role: model, data, trigger. */
      inputs: z.record(z.string(), hash),
    }),
  ),
  /** SHA-256 of the run's head.safetensors. */
  head: hash,
  classes: z.array(z.string()).check(z.minLength(1)),
  preprocessing: z.object({
    resolution: z.int().check(z.minimum(1), z.maximum(8192)),
    resize: z.enum(['shortest', 'squash']),
    interpolation: z.enum(['bicubic', 'bilinear']),
    centre: z.enum(['torchvision', 'transformers']),
    mean: three(z.number()),
    std: three(z.number().check(z.positive())),
  }),
  /** All files but this one. */
  files: z.array(z.object({ path: z.string(), bytes: z.int().check(z.minimum(0)), sha256: hash, purpose: z.string() })),
});

export type ExportManifest = z.infer<typeof schema>;

/**
 * Checks the text of a manifest.
 *
 * @param where what errors call it: a path or an address
 */
export function parseManifest(where: string, text: string): ExportManifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw badData(where, 'text that is not JSON', 'what `antidote export` writes', 'export again', cause);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const path = result.error.issues[0]?.path ?? [];
  const value = path.reduce((inner: unknown, key) => (inner as Record<PropertyKey, unknown>)?.[key], json);
  const found = value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80);
  const key = path.map(String).join('.');
  throw badData(key === '' ? where : `${where}: ${key}`, found, 'what `antidote export` writes', 'export again');
}

/** The part that resizing reads. */
export function preprocessConfigOf({ preprocessing }: ExportManifest): PreprocessConfig {
  return { image: { resolution: preprocessing.resolution }, preprocessing };
}
