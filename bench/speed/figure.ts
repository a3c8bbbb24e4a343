/** @file What a figure is: rows of our number beside a peer's, held against a bar. */
import { median } from './measure.ts';
import type { BenchModel } from './models.ts';
import type { Peer } from './peer.ts';

/** What every figure is given. */
export interface Bench {
  readonly threads: number;
  /** Timed turns of each contestant. */
  readonly reps: number;
  /** Folder for files that only this call needs. */
  readonly scratch: string;
  /** Folder of a model with random weights, written at its first use. */
  model(name: BenchModel): Promise<string>;
  /** A PyTorch that has loaded the model in `folder`, or why there is none. */
  peer(folder: string): Promise<Peer | { readonly absent: string }>;
  say(line: string): void;
}

export type Figure = (bench: Bench) => Promise<readonly Row[]>;

/** `ratio` bars say how many times better than the peer, `ours` bars limit our own number. */
export type Bar = { readonly of: 'ratio'; readonly atLeast: number } | { readonly of: 'ours'; readonly atMost: number };

export interface Row {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  readonly peer: { readonly name: string; readonly value: number } | null;
  /** How many times better than the peer; null without one. */
  readonly ratio: number | null;
  readonly bar: Bar | null;
  /** Null where there is no bar or nothing to hold against it. */
  readonly reached: boolean | null;
  /** What else there is to say: why a peer is missing, how far both agree. */
  readonly note: string;
  /** Single measurements in their order. */
  readonly samples: { readonly ours: readonly number[]; readonly peer: readonly number[] };
}

export interface Measured {
  readonly what: string;
  readonly unit: string;
  readonly samples: readonly number[];
  readonly note?: string;
}

/** Medians of times against a peer's: less is better. */
export function fasterThan(
  { what, unit, samples, note = '' }: Measured,
  peer: { readonly name: string; readonly samples: readonly number[] } | { readonly absent: string },
  atLeast: number | null,
): Row {
  const bar = atLeast === null ? null : ({ of: 'ratio', atLeast } as const);
  const ours = median(samples);
  const row = { what, unit, ours, bar };
  if ('absent' in peer) {
    const samplesOnly = { ours: samples, peer: [] };
    return { ...row, peer: null, ratio: null, reached: null, note: peer.absent, samples: samplesOnly };
  }
  const value = median(peer.samples);
  const ratio = value / ours;
  const reached = atLeast === null ? null : ratio >= atLeast;
  return {
    ...row,
    peer: { name: peer.name, value },
    ratio,
    reached,
    note,
    samples: { ours: samples, peer: peer.samples },
  };
}

/** A number that has a limit of its own. */
export function atMost({ what, unit, samples, note = '' }: Measured, limit: number): Row {
  const ours = median(samples);
  return {
    what,
    unit,
    ours,
    peer: null,
    ratio: null,
    bar: { of: 'ours', atMost: limit },
    reached: ours <= limit,
    note,
    samples: { ours: samples, peer: [] },
  };
}
