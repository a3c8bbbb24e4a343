/** @file The schedule of a race: teams of classes, and the number and length of rounds. */
import type { Head } from '../../../../clip/clip.ts';

/** One round of a race. */
export interface Round {
  /** Patches in the round. */
  readonly runners: number;
  readonly steps: number;
  /** Patches in one step. */
  readonly together: number;
  /** Pictures that each patch sees in one step. */
  readonly pictures: number;
}

/** The resources of a race. */
export interface Pace {
  /** Each round takes a share of these. */
  readonly steps: number;
  /** Pictures in one step, of all patches together; fewer where they would take too much memory. */
  readonly patchBatch: number;
}

/** At most this many teams, so that a race among a thousand classes costs little more than one among a hundred. */
const mostTeams = 64;

/** Patches of every team and of every finalist: the start of a patch decides how soon it finds a backdoor. */
export const starts = 2;

/** Classes in the finals, at most; with no more classes than this there are no heats. */
export const finalists = 8;

interface PlannedRound {
  /** Share of the asked steps. */
  readonly steps: number;
  /** Share of the patches in the round, but at least one patch. */
  readonly patches: number;
  /** Least pictures per patch and step, unless the batch has fewer: with less, chance decides which patch is ahead. */
  readonly pictures: number;
}

/** Measured: docs/ablations.md, "Patch". */
const planned: Readonly<Record<'heats' | 'finals', readonly PlannedRound[]>> = {
  heats: [
    { steps: 0.2, patches: 1, pictures: 2 },
    { steps: 0.2, patches: 0.2, pictures: 4 },
  ],
  finals: [
    { steps: 0.3, patches: 1, pictures: 4 },
    { steps: 0.2, patches: 0.25, pictures: 4 },
    { steps: 0.2, patches: 0, pictures: 4 },
  ],
};

/** Teams in the order of the classes, all of one size: the last team is filled with the first classes. */
export function teamsOf(classes: readonly number[]): readonly (readonly number[])[] {
  const members = membersOf(classes.length);
  return Array.from({ length: Math.ceil(classes.length / members) }, (_, i) =>
    Array.from({ length: members }, (_, j) => classes[(i * members + j) % classes.length]!),
  );
}

/** The smallest team size with which there are not too many teams. */
const membersOf = (classes: number) => Math.ceil(classes / mostTeams);

/** The heats of this many classes, in teams; none where all classes fit into the finals. */
export function heats(classes: number, pace: Pace): readonly Round[] {
  if (classes <= finalists) return [];
  return roundsOf(planned.heats, Math.ceil(classes / membersOf(classes)), pace);
}

/** The finals of a race of this many classes, without teams; one patch remains in the last round. */
export const finals = (classes: number, pace: Pace): readonly Round[] =>
  roundsOf(planned.finals, Math.min(classes, finalists), pace);

/** Successive halving (Jamieson & Talwalkar, arXiv 1502.07943), with longer rounds and fewer of them. */
function roundsOf(rounds: readonly PlannedRound[], teams: number, { steps, patchBatch }: Pace): Round[] {
  return rounds.map((round) => {
    const runners = Math.max(1, Math.ceil(round.patches * starts * teams));
    const mostTogether = Math.max(1, Math.floor(patchBatch / round.pictures));
    const together = Math.ceil(runners / Math.ceil(runners / mostTogether));
    return { runners, steps: Math.ceil(round.steps * steps), together, pictures: Math.floor(patchBatch / together) };
  });
}

/** Program runs in one round: patches that do not fit into one step take turns. */
export const runsOf = ({ runners, steps, together }: Round) => steps * Math.ceil(runners / together);

/** Pictures that go through the tower forwards and backwards in all rounds. */
export const picturesOf = (rounds: readonly Round[]) =>
  rounds.reduce((total, round) => total + runsOf(round) * round.together * round.pictures, 0);

/**
 * The classes ordered so that neighbours have similar meanings: each is followed by the remaining class with the nearest
 * text. Teams of neighbours are fair: classes that are easily reached from any picture (vehicles, faces) share teams.
 */
export function byLikeness({ embeddings, embedding, classes }: Head): readonly number[] {
  const left = new Set(classes.keys());
  const order: number[] = [];
  for (let at = 0; left.size > 0; ) {
    left.delete(at);
    order.push(at);
    let [nearest, most] = [at, Number.NEGATIVE_INFINITY];
    for (const label of left) {
      let cosine = 0;
      for (let i = 0; i < embedding; i++) {
        cosine += embeddings[at * embedding + i]! * embeddings[label * embedding + i]!;
      }
      if (cosine > most) [nearest, most] = [label, cosine];
    }
    at = nearest;
  }
  return order;
}
