/** @file Prefixes that many token sequences share, as all prompts of a template do: computed once for all of them. */

/** Sequences whose shared prefixes have the same length. */
export interface SharedPrefixes {
  /** In tokens; 0 for sequences that share no prefix. */
  readonly length: number;
  readonly prefixes: readonly (readonly number[])[];
  /** Positions of the sequences, ascending. */
  readonly rows: readonly number[];
  /** Index into `prefixes` for each of `rows`. */
  readonly prefixOf: readonly number[];
}

/**
 * The longest proper prefix of every sequence that at least `fewest` sequences have.
 *
 * @returns by ascending length; every sequence is in exactly one of them
 */
export function sharedPrefixes(sequences: readonly (readonly number[])[], fewest: number): readonly SharedPrefixes[] {
  const found: (readonly number[])[] = [[]];
  const longest = new Int32Array(sequences.length);
  let growing: readonly number[] = [...sequences.keys()];
  for (let length = 1; growing.length > 0; length++) {
    const grown = new Map<string, number[]>();
    for (const row of growing) {
      const sequence = sequences[row]!;
      if (sequence.length <= length) continue;
      const key = `${longest[row]} ${sequence[length - 1]}`;
      const alike = grown.get(key);
      if (alike) alike.push(row);
      else grown.set(key, [row]);
    }
    const shared = [...grown.values()].filter((rows) => rows.length >= fewest);
    for (const rows of shared) {
      for (const row of rows) longest[row] = found.length;
      found.push(sequences[rows[0]!]!.slice(0, length));
    }
    growing = shared.flat();
  }
  return byLength(found, longest);
}

function byLength(found: readonly (readonly number[])[], longest: Int32Array): readonly SharedPrefixes[] {
  const rowsOf = new Map<number, number[]>();
  longest.forEach((prefix, row) => {
    const { length } = found[prefix]!;
    const alike = rowsOf.get(length);
    if (alike) alike.push(row);
    else rowsOf.set(length, [row]);
  });
  return [...rowsOf]
    .sort(([a], [b]) => a - b)
    .map(([length, rows]) => {
      const used = [...new Set(rows.map((row) => longest[row]!))];
      return {
        length,
        rows,
        prefixes: used.map((prefix) => found[prefix]!),
        prefixOf: rows.map((row) => used.indexOf(longest[row]!)),
      };
    });
}
