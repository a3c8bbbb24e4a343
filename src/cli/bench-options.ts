/** @file What a bench was asked to do, as config.json keeps it. */
import { z } from 'zod';
import { checkedMatrix } from '../sweep/matrix.ts';

export const benchOptions = z.strictObject({
  /** Where the matrix was read from: only told, since all of it stands here. */
  source: z.string(),
  matrix: checkedMatrix,
  workers: z.int().positive(),
  redis: z.string().nullable(),
});
export type BenchOptions = z.infer<typeof benchOptions>;
