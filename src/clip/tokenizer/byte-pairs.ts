/** @file Byte-pair merging: the parts of a word joined pair by pair, the strongest pair first. */

/** Rank of each merge, by its two parts with a space between them; lower is stronger. Ranks are unique. */
export type Ranks = ReadonlyMap<string, number>;

/** Merges, two parts with a space between them, to their ranks. */
export function ranksOf(merges: readonly string[]): Ranks {
  return new Map(merges.map((merge, rank) => [merge, rank]));
}

/**
 * Joins every occurrence of the strongest pair of neighbours, from left to right, then of the next strongest, until no pair
 * has a rank. An index from ranks to positions avoids a search of the whole word for each merge, which would take quadratic
 * time.
 */
export function mergePairs(parts: readonly string[], ranks: Ranks): readonly string[] {
  const count = parts.length;
  const symbols: (string | undefined)[] = [...parts];
  const next = parts.map((_, place) => place + 1);
  const previous = parts.map((_, place) => place - 1);
  /** Positions where pairs of a rank begin, some of them outdated. */
  const places = new Map<number, number[]>();
  /** The ranks in `places`, the strongest last. */
  const waiting: number[] = [];

  const rankAt = (place: number) =>
    place < 0 || next[place]! >= count ? undefined : ranks.get(`${symbols[place]} ${symbols[next[place]!]}`);
  const note = (place: number) => {
    const rank = rankAt(place);
    if (rank === undefined) return;
    const known = places.get(rank);
    if (known) {
      known.push(place);
    } else {
      places.set(rank, [place]);
      waiting.splice(firstBelow(rank, waiting), 0, rank);
    }
  };

  for (let place = 0; place < count; place++) note(place);
  for (let rank = waiting.pop(); rank !== undefined; rank = waiting.pop()) {
    const begun = places.get(rank)!.sort((a, b) => a - b);
    places.delete(rank);
    for (const place of begun) {
      // The pair may have been joined with another neighbour since.
      if (symbols[place] === undefined || rankAt(place) !== rank) continue;
      const second = next[place]!;
      symbols[place] += symbols[second]!;
      symbols[second] = undefined;
      next[place] = next[second]!;
      if (next[place]! < count) previous[next[place]!] = place;
      note(previous[place]!);
      note(place);
    }
  }
  return symbols.filter((symbol) => symbol !== undefined);
}

/** Index of the first lower number in a falling sequence. */
function firstBelow(number: number, falling: readonly number[]): number {
  let [from, to] = [0, falling.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (falling[middle]! < number) to = middle;
    else from = middle + 1;
  }
  return from;
}
