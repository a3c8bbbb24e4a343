/** @file `export.json`: what an exported folder is, its origin, and the purpose of each of its files. */
import * as z from 'zod/mini';
import type { PreprocessConfig } from '../clip/pictures/preprocess.ts';
import { badData } from '../errors.ts';

// Read in browsers too: nothing here may need Node, and zod's small form keeps the browser's file small.

export const exportFile = 'export.json';

/** Written out, not inferred: declarations for browsers are then free of zod's types. */
export interface ExportManifest {
  readonly format: 1;
  /** Version of neural-antidote that wrote the folder. */
  readonly antidote: string;
  readonly method: string;
  /** The untouched model, by hash: the head fits no other. */
  readonly model: {
    readonly name: string;
    readonly sha256: string;
    /** Its source on the Hub; null if it has none. */
    readonly hub: { readonly repository: string; readonly revision: string; readonly commit: string } | null;
    /** Its licence; null if its folder does not state one. */
    readonly licence: string | null;
  };
  /** The run that made the head; null if a program wrote it without a run. */
  readonly run: {
    readonly command: string;
    readonly started: string;
    readonly versions: Readonly<Record<string, string>>;
    /** SHA-256 of the inputs, by role: model, data, trigger. */
    readonly inputs: Readonly<Record<string, string>>;
  } | null;
  /** SHA-256 of the run's head.safetensors. */
  readonly head: string;
  readonly classes: readonly string[];
  readonly preprocessing: {
    readonly resolution: number;
    readonly resize: 'shortest' | 'squash';
    readonly interpolation: 'bicubic' | 'bilinear';
    readonly centre: 'torchvision' | 'transformers';
    /** Of the channels red, green and blue, as `std`. */
    readonly mean: readonly [number, number, number];
    readonly std: readonly [number, number, number];
  };
  /** All files but this one. */
  readonly files: readonly ExportedFile[];
}

export interface ExportedFile {
  /** Relative to the folder. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly purpose: string;
}

const hash = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const three = (number: z.ZodMiniNumber) => z.tuple([number, number, number]);

const schema: z.ZodMiniType<ExportManifest> = z.object({
  format: z.literal(1),
  antidote: z.string(),
  method: z.string(),
  model: z.object({
    name: z.string(),
    sha256: hash,
    hub: z.nullable(z.object({ repository: z.string(), revision: z.string(), commit: z.string() })),
    licence: z.nullable(z.string()),
  }),
  run: z.nullable(
    z.object({
      command: z.string(),
      started: z.string(),
      versions: z.record(z.string(), z.string()),
      inputs: z.record(z.string(), hash),
    }),
  ),
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
  files: z.array(z.object({ path: z.string(), bytes: z.int().check(z.minimum(0)), sha256: hash, purpose: z.string() })),
});

/**
 * Checks the text of a manifest.
 *
 * @param where its name in errors: a path or an address
 */
export function parseManifest(where: string, text: string): ExportManifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw badData(where, 'text that is not JSON', 'what `antidote export` writes', { advice: 'export again', cause });
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const path = result.error.issues[0]?.path ?? [];
  const value = path.reduce((inner: unknown, key) => (inner as Record<PropertyKey, unknown>)?.[key], json);
  const found = value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80);
  const key = path.map(String).join('.');
  throw badData(key === '' ? where : `${where}: ${key}`, found, 'what `antidote export` writes', 'export again');
}

/** The part that `preprocess` reads. */
export function preprocessConfigOf({ preprocessing }: ExportManifest): PreprocessConfig {
  return { image: { resolution: preprocessing.resolution }, preprocessing };
}
