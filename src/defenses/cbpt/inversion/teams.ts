/** @file The order of a race: which classes run as one team, in how many rounds, and how long. */
import type { Head } from '../../../clip/clip.ts';

/** One part of a race: who runs, how long, how many at a time. */
export interface Round {
  /** Teams that run. */
  readonly teams: number;
  /** Classes of each team. */
  readonly members: number;
  readonly steps: number;
  /** Teams in one step. */
  readonly together: number;
  /** Pictures that each of them sees in it. */
  readonly pictures: number;
}

/** Classes run in no more teams than this, so that a race among a thousand classes costs little more than among a hundred. */
const mostTeams = 32;

/** Pictures of a team in one step: with fewer, chance decides who is ahead. Only a batch that has fewer gives fewer. */
const leastPictures = 4;

/** When there are no more runners than this, only the winner goes on. */
const finalists = 8;

/** Share of the teams that goes on from the rounds before. */
const shareKept = 0.25;

/** Shares of the steps: of all teams, of those that went on, of the finalists, of the winner alone. A single class has the last two. */
const shares = { first: 0.5, next: 0.3, final: 0.5, alone: 0.2 };

/**
 * The rounds of a race among so many classes: successive halving (Jamieson & Talwalkar, arXiv 1502.07943), with teams that
 * are split when most are out. The last round is the winner's alone.
 *
 * @param steps what rounds take shares of
 * @param batch pictures with a patch in one step, those of all teams together
 */
export function raceRounds(
  classes: number,
  { steps, batch }: { readonly steps: number; readonly batch: number },
): readonly Round[] {
  const mostTogether = Math.max(1, Math.floor(batch / leastPictures));
  const round = ({ teams, members }: Teams, share: number): Round => {
    const turns = Math.ceil(teams / mostTogether);
    const together = Math.ceil(teams / turns);
    return { teams, members, steps: Math.ceil(share * steps), together, pictures: Math.floor(batch / together) };
  };
  const rounds: Round[] = [];
  let runners = teamsOf(classes);
  while (runners.members > 1 || runners.teams > finalists) {
    rounds.push(round(runners, rounds.length === 0 ? shares.first : shares.next));
    runners = teamsOf(Math.ceil(shareKept * runners.teams) * runners.members);
  }
  if (runners.teams > 1) rounds.push(round(runners, shares.final));
  const alone = rounds.length === 0 ? shares.final + shares.alone : shares.alone;
  rounds.push(round({ teams: 1, members: 1 }, alone));
  return rounds;
}

type Teams = Pick<Round, 'teams' | 'members'>;

/** As small teams as may run. */
function teamsOf(classes: number): Teams {
  const members = Math.ceil(classes / mostTeams);
  return { teams: Math.ceil(classes / members), members };
}

/** Runs of a program in one round: where not all teams fit into a step, they take turns. */
export const runsOf = ({ teams, steps, together }: Round) => steps * Math.ceil(teams / together);

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
