/** @file The options of a bench, as config.json keeps them. */
import { z } from 'zod';
import { checkedMatrix } from '../sweep/matrix.ts';

export const benchOptions = z.strictObject({
  /** The file that the matrix was read from, for display: all of it is kept here. */
  source: z.string(),
  matrix: checkedMatrix,
  workers: z.int().positive(),
  redis: z.string().nullable(),
});
export type BenchOptions = z.infer<typeof benchOptions>;
