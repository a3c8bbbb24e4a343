/** @file Options of a defense: its defaults, overridden by a matrix, with every name, kind and range checked. */
import type { Json, JsonRecord } from '../runs/config.ts';

/** An invalid option, with its keys below the defense. */
export class OptionProblem extends Error {
  readonly keys: readonly string[];
  readonly found: string;
  readonly expected: string;

  constructor(keys: readonly string[], found: string, expected: string) {
    super(`${keys.join('.')}: found ${found}, expected ${expected}`);
    this.keys = keys;
    this.found = found;
    this.expected = expected;
  }
}

/** By name, the rules for options whose default does not determine the valid values. */
export interface OptionRules {
  /** Valid texts, for the option or for its entries. */
  readonly choices: Readonly<Record<string, readonly string[]>>;
  /** The least value of options that count something. */
  readonly counts: Readonly<Record<string, number>>;
}

/**
 * Resolves all options: the defaults define their names and kinds. Records are merged, everything else is replaced as a
 * whole.
 *
 * @throws OptionProblem for a name that the defaults do not have, for a value of another kind, for a number below zero or
 * one that counts and is not whole, for an empty list where the default has entries, and for a text that is no choice
 */
export function withDefaults(
  defaults: JsonRecord,
  given: JsonRecord,
  rules: OptionRules,
  above: readonly string[] = [],
): JsonRecord {
  const resolved: Record<string, Json> = { ...defaults };
  for (const [name, value] of Object.entries(given)) {
    const keys = [...above, name];
    const usual = Object.hasOwn(defaults, name) ? defaults[name] : undefined;
    if (usual === undefined) {
      const known = Object.keys(defaults);
      throw new OptionProblem(keys, 'an unknown option', known.length > 0 ? `one of ${known.join(', ')}` : 'none');
    }
    if (isRecord(usual) && isRecord(value)) resolved[name] = withDefaults(usual, value, rules, keys);
    else {
      if (kindOf(usual) !== kindOf(value)) {
        throw new OptionProblem(keys, JSON.stringify(value).slice(0, 80), `a ${kindOf(usual)}`);
      }
      if (typeof value === 'number') checkNumber(keys, value, ownOf(rules.counts, name));
      if (Array.isArray(value) && value.length === 0 && (usual as readonly Json[]).length > 0) {
        throw new OptionProblem(keys, 'an empty list', 'at least one entry');
      }
      checkChoice(keys, value, ownOf(rules.choices, name));
      resolved[name] = value;
    }
  }
  return resolved;
}

/** No number may be below zero: they are steps, rates, weights and shares. */
function checkNumber(keys: readonly string[], value: number, least: number | undefined): void {
  if (least === undefined ? value >= 0 : Number.isInteger(value) && value >= least) return;
  const expected = least === undefined ? 'a number that is not below 0' : `a whole number, at least ${least}`;
  throw new OptionProblem(keys, String(value), expected);
}

function checkChoice(keys: readonly string[], value: Json, known: readonly string[] | undefined): void {
  const wrong = known && [value].flat().find((one) => !known.includes(one as string));
  if (wrong !== undefined) throw new OptionProblem(keys, JSON.stringify(wrong), `one of ${known!.join(', ')}`);
}

function ownOf<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function isRecord(value: Json): value is JsonRecord {
  return kindOf(value) === 'record';
}

function kindOf(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'list';
  if (typeof value === 'object') return 'record';
  return typeof value === 'boolean' ? 'truth value' : typeof value;
}
