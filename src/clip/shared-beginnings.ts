/** @file Beginnings that many token sequences share, as all prompts of a template do: they can be computed once. */

/** Sequences whose shared beginnings are of one length. */
export interface SharedBeginnings {
  /** In tokens; 0 for sequences that share none. */
  readonly length: number;
  readonly beginnings: readonly (readonly number[])[];
  /** Positions of the sequences, ascending. */
  readonly rows: readonly number[];
  /** Index into `beginnings` of each of `rows`. */
  readonly beginningOf: readonly number[];
}

/**
 * The longest beginning of every sequence that at least `fewest` sequences have, and that leaves something of it.
 *
 * @returns by ascending length; every sequence is in one of them
 */
export function sharedBeginnings(
  sequences: readonly (readonly number[])[],
  fewest: number,
): readonly SharedBeginnings[] {
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

function byLength(found: readonly (readonly number[])[], longest: Int32Array): readonly SharedBeginnings[] {
  const rowsOf = new Map<number, number[]>();
  longest.forEach((beginning, row) => {
    const { length } = found[beginning]!;
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
        beginnings: used.map((beginning) => found[beginning]!),
        beginningOf: rows.map((row) => used.indexOf(longest[row]!)),
      };
    });
}
