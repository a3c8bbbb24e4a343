/** @file The result of a bench as JSON: one record for every cell of the matrix, in its order. */
import { ceilingOf } from '../evaluation/floor.ts';
import { percentOf } from '../evaluation/interval.ts';
import { percentages } from '../evaluation/metrics.ts';
import type { JsonRecord } from '../runs/config.ts';
import type { Cell, Measured, Outcome } from './cell.ts';

/** Percentages are numbers from 0 to 100; what was not measured is null. `error` is null where the cell was computed. */
export function cellResult({ key, task }: Cell, outcome: Outcome): JsonRecord {
  const { attack, defense, seed, classes, shots } = task;
  const names = { attack, defense, seed, classes, shots };
  if (outcome.kind === 'failed') {
    const nothing = { ca: null, asr: null, asrAll: null, ra: null, n: null, sources: null, floor: null, ceiling: null };
    return {
      ...names,
      ...nothing,
      classCount: null,
      seconds: null,
      peakBytes: null,
      counts: null,
      error: outcome.error,
      key,
    };
  }
  const { counts, floor, clean, classCount, seconds, peakBytes } = outcome;
  return {
    ...names,
    ...percentages(counts),
    floor: floor && percentOf(floor.asr),
    ceiling: counts.ra && percentOf(ceilingOf(clean, counts)),
    classCount,
    seconds,
    peakBytes,
    counts: plainCounts(counts),
    error: null,
    key,
  };
}

function plainCounts({ ca, asr, asrAll, ra }: Measured['counts']): JsonRecord {
  const plain = (share: typeof asr) => share && { hits: share.hits, of: share.of };
  return { ca: plain(ca), asr: plain(asr), asrAll: plain(asrAll), ra: plain(ra) };
}
