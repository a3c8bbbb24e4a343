/** @file `config.json`: the options of a run, its program, its machine and its inputs. */
import { z } from 'zod';
import { devices } from '../engine/engine.ts';
import { sha256Schema } from '../tensor/sha256.ts';

const json = z.json();
/** Values that JSON keeps unchanged. */
export type Json = z.infer<typeof json>;
export type JsonRecord = { readonly [key: string]: Json };

/** An input by its name and hash, so that a resumed run can refuse another one. */
const input = z.strictObject({ name: z.string(), sha256: sha256Schema });
export type RunInput = z.infer<typeof input>;

const environment = z.strictObject({
  versions: z.strictObject({ antidote: z.string(), node: z.string(), onnxruntime: z.string() }),
  platform: z.strictObject({
    system: z.string(),
    architecture: z.string(),
    processor: z.string(),
    cores: z.number().int(),
  }),
});
export type Environment = z.infer<typeof environment>;

/** The caller's part. `options` holds every option resolved, so that `resume` needs nothing else. */
const request = z.strictObject({
  command: z.string().min(1),
  options: z.record(z.string(), json),
  device: z.enum(devices),
  threads: z.number().int().positive(),
  /** Start of relative paths among the options. Runs of earlier versions do not have it. */
  workingDirectory: z.string().exactOptional(),
});
export type RunRequest = z.infer<typeof request>;

export const runConfig = z.strictObject({
  format: z.literal(1),
  ...request.shape,
  ...environment.shape,
  /** By role: `model`, `data`, `trigger`, ... Each is added when it is opened. */
  inputs: z.record(z.string(), input),
  started: z.iso.datetime(),
});
export type RunConfig = z.infer<typeof runConfig>;
