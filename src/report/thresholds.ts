/** @file The bounds of the report's words and colours: when a backdoor counts as closed, as cured, as an attack. */
import { confidence, type Interval, type Proportion } from '../evaluation/interval.ts';
import { share } from './numbers.ts';

/** Shares in [0, 1]; ours, and printed in the report. */
export const thresholds = {
  /** Below this attack success rate, or this much above the floor, there was no attack to speak of. */
  attacked: 0.1,
  /** At most this attack success rate, or this much above the floor: closed. */
  closed: 0.01,
  /** A closed backdoor is cured only if robust accuracy reaches at least this part of its ceiling. */
  restored: 0.8,
  /** Accuracy may fall by this much and still count as kept. */
  kept: 0.009,
} as const;

/** Largest ASR of a closed backdoor. @param floor null where it is unknown */
export const closedAt = (floor: number | null): number => (floor ?? 0) + thresholds.closed;

/** Least RA of a cure. @param ceiling highest RA to expect: the clean model's, or, where that is unknown, CA */
export const restoredFrom = (ceiling: number): number => thresholds.restored * ceiling;

/** Whether so few pictures were tested that an attack could look like none. @param interval of the ASR */
export function couldBeAttack({ high }: Interval, floor: number | null): boolean {
  return high >= (floor ?? 0) + thresholds.attacked;
}

/** Class of an attack success rate in the style sheet: one colour if it is closed, another if it is an attack's. */
export function attackInk(asr: number, floor: number | null): 'cure-ink' | 'attack-ink' | null {
  if (asr <= closedAt(floor)) return 'cure-ink';
  return asr > (floor ?? 0) + thresholds.attacked ? 'attack-ink' : null;
}

/** The same for a measured rate: one that is low, but may be so by chance, has no colour. */
export function measuredInk(asr: Proportion, floor: number | null): ReturnType<typeof attackInk> {
  const ink = attackInk(share(asr), floor);
  return ink === 'cure-ink' && couldBeAttack(confidence(asr), floor) ? null : ink;
}
