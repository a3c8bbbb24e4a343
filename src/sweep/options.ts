/** @file Options of a defence: its defaults, with what a matrix changes of them, every name and kind checked. */
import type { Json, JsonRecord } from '../runs/config.ts';

/** Why an option cannot be meant, and where it stands below the defence. */
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

/** Texts that an option may have, by the option's name: what its default alone does not tell. */
export type Choices = Readonly<Record<string, readonly string[]>>;

/**
 * All options, resolved: the defaults say which there are and of which kind. Records are merged, everything else is
 * replaced as a whole.
 *
 * @throws OptionProblem for a name that the defaults do not have, for a value of another kind, and for a text that is no
 * choice
 */
export function withDefaults(
  defaults: JsonRecord,
  given: JsonRecord,
  choices: Choices = {},
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
    if (isRecord(usual) && isRecord(value)) resolved[name] = withDefaults(usual, value, choices, keys);
    else if (kindOf(usual) !== kindOf(value)) {
      throw new OptionProblem(keys, JSON.stringify(value).slice(0, 80), `a ${kindOf(usual)}`);
    } else {
      const known = Object.hasOwn(choices, name) ? choices[name] : undefined;
      const wrong = known && [value].flat().find((one) => !known.includes(one as string));
      if (wrong !== undefined) throw new OptionProblem(keys, JSON.stringify(wrong), `one of ${known!.join(', ')}`);
      resolved[name] = value;
    }
  }
  return resolved;
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
