/** @file The messages between a bench and its processes. */
import { z } from 'zod';
import { faults } from '../../errors.ts';
import { cell, outcome } from '../cell.ts';

/** From the bench to a process: compute this cell, stop at the next step, or end after the cell in work. */
export const order = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('compute'), cell }),
  z.strictObject({ kind: z.literal('stop') }),
  z.strictObject({ kind: z.literal('end') }),
]);
export type Order = z.infer<typeof order>;

const event = z.custom<{ stage: string }>((value) => value instanceof Object && 'stage' in value);

/** From a process to the bench. */
export const answer = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('ready') }),
  /** The process cannot compute any cell: its device is missing, or its disk is full. */
  z.strictObject({
    kind: z.literal('unusable'),
    fault: z.enum(faults),
    where: z.string(),
    found: z.string(),
    expected: z.string(),
    advice: z.string().exactOptional(),
  }),
  z.strictObject({ kind: z.literal('progress'), event }),
  z.strictObject({ kind: z.literal('finished'), outcome }),
  z.strictObject({ kind: z.literal('stopped') }),
]);
export type Answer = z.infer<typeof answer>;
