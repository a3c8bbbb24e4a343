/** @file Sequences in few groups of similar length, so that little time is spent on padding. */

/** Rows that are padded to one length. */
export interface LengthGroup {
  /** Ascending. */
  readonly rows: readonly number[];
  /** Length of the longest sequence. */
  readonly length: number;
}

/**
 * At most `most` groups whose padded sequences hold the fewest tokens in all, by dynamic programming over the lengths
 * that occur. Each group needs a graph of its own, so there should be few.
 */
export function lengthGroups(lengths: readonly number[], most: number): readonly LengthGroup[] {
  const occurring = [...new Set(lengths)].sort((a, b) => a - b);
  const upTo = occurring.map((limit) => lengths.filter((length) => length <= limit).length);
  const count = (from: number, to: number) => upTo[to]! - (from === 0 ? 0 : upTo[from - 1]!);

  // best[i]: the fewest tokens for all sequences up to length occurring[i], and the first length of each group.
  interface Split {
    readonly tokens: number;
    readonly starts: readonly number[];
  }
  let best: Split[] = occurring.map((length, i) => ({ tokens: count(0, i) * length, starts: [0] }));
  for (let groups = 2; groups <= Math.min(most, occurring.length); groups++) {
    const fewer = best;
    best = occurring.map((length, i) => {
      let split = fewer[i]!;
      for (let from = 1; from <= i; from++) {
        const before = fewer[from - 1]!;
        const tokens = before.tokens + count(from, i) * length;
        if (tokens < split.tokens) split = { tokens, starts: [...before.starts, from] };
      }
      return split;
    });
  }

  const starts = best.at(-1)?.starts ?? [];
  return starts.map((from, i) => {
    const [shortest, length] = [occurring[from]!, occurring[(starts[i + 1] ?? occurring.length) - 1]!];
    const rows = [...lengths.keys()].filter((row) => lengths[row]! >= shortest && lengths[row]! <= length);
    return { rows, length };
  });
}
