/** @file What a run was asked to do, by which program, on which machine, with which inputs: `config.json`. */
import { z } from 'zod';

const json = z.json();
/** What survives JSON unchanged. */
export type Json = z.infer<typeof json>;
export type JsonRecord = { readonly [key: string]: Json };

/** An input that was read, so that a resumed run can refuse another one: what it was called and what it was. */
const input = z.strictObject({ name: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/) });
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

/** What the caller decides. `options` holds every option resolved, so that `resume` needs nothing else. */
const request = z.strictObject({
  command: z.string().min(1),
  options: z.record(z.string(), json),
  device: z.enum(['cpu', 'webgpu', 'cuda']),
  threads: z.number().int().positive(),
  /** Where relative paths among the options begin. Runs of earlier versions do not say it. */
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
