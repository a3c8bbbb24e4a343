/** @file The order of a race: which classes run as one team, in how many rounds, and how long. */
import type { Head } from '../../../../clip/clip.ts';

/** One part of a race: how many run, how long, how many at a time. */
export interface Round {
  /** Patches that run. */
  readonly runners: number;
  readonly steps: number;
  /** Patches in one step. */
  readonly together: number;
  /** Pictures that each of them sees in it. */
  readonly pictures: number;
}

/** What rounds are made of. */
export interface Pace {
  /** Rounds take shares of these. */
  readonly steps: number;
  /** Pictures in one step, of all patches together; fewer where they would take too much memory. */
  readonly patchBatch: number;
}

/** Classes run in no more teams than this, so that a race among a thousand classes costs little more than among a hundred. */
const mostTeams = 64;

/** Patches of every team, and of every finalist: where a patch starts decides how soon it finds a backdoor. */
export const starts = 2;

/** So many classes run in the finals, if so many are left; where there are no more, there are no heats. */
export const finalists = 8;

interface PlannedRound {
  /** Share of the steps. */
  readonly steps: number;
  /** Share of the patches that run; at least one does. */
  readonly patches: number;
  /** Pictures of a patch in one step, at least: with fewer, chance decides who is ahead. Only a batch that has fewer gives fewer. */
  readonly pictures: number;
}

const planned: Readonly<Record<'heats' | 'finals', readonly PlannedRound[]>> = {
  heats: [
    { steps: 0.2, patches: 1, pictures: 2 },
    { steps: 0.2, patches: 0.1, pictures: 4 },
  ],
  finals: [
    { steps: 0.3, patches: 1, pictures: 4 },
    { steps: 0.2, patches: 0.25, pictures: 4 },
    { steps: 0.2, patches: 0, pictures: 4 },
  ],
};

/** Teams in the order of the classes, all of the same size: the last is filled with the first classes again. */
export function teamsOf(classes: readonly number[]): readonly (readonly number[])[] {
  const members = membersOf(classes.length);
  return Array.from({ length: Math.ceil(classes.length / members) }, (_, i) =>
    Array.from({ length: members }, (_, j) => classes[(i * members + j) % classes.length]!),
  );
}

/** As small teams as may run. */
const membersOf = (classes: number) => Math.ceil(classes / mostTeams);

/** The heats of so many classes, in teams. None where all classes may run in the finals. */
export function heats(classes: number, pace: Pace): readonly Round[] {
  if (classes <= finalists) return [];
  return roundsOf(planned.heats, Math.ceil(classes / membersOf(classes)), pace);
}

/** The finals of a race of so many classes, each for itself; in the last round one patch runs alone. */
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

/** Runs of a program in one round: where not all patches fit into a step, they take turns. */
export const runsOf = ({ runners, steps, together }: Round) => steps * Math.ceil(runners / together);

/** Pictures that go through the tower and back in all rounds. */
export const picturesOf = (rounds: readonly Round[]) =>
  rounds.reduce((total, round) => total + runsOf(round) * round.together * round.pictures, 0);

/**
 * The classes in an order in which neighbours mean like things: each is followed by the nearest text that is left. Teams of
 * neighbours are fair, for what any picture is easily turned into (a vehicle, a face) runs against its like.
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
