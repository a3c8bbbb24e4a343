/** @file Who runs in a race of patches: teams, split between rounds, and taken together in groups for a step. */
import { float32, type Tensor } from '../../../tensor/tensor.ts';
import type { Round } from './teams.ts';

/** A team of classes, any of which a patch is to reach, and what has become of it. */
export interface Runner {
  readonly labels: readonly number[];
  /** The patch's logits and Adam's moments. */
  readonly state: Readonly<Record<string, Tensor<'float32'>>>;
  /** What reaching the team costs: mean of the last losses. */
  readonly cost: number;
}

/**
 * The first classes of the runners, as they are or split, as teams of the next round, each with what its first member comes
 * from. Where classes run out, the last team is filled with the first ones again.
 */
export function inTeams(runners: readonly Runner[], { teams, members }: Pick<Round, 'teams' | 'members'>): Runner[] {
  const all = runners.flatMap((from) => from.labels.map((label) => ({ label, from })));
  return Array.from({ length: teams }, (_, i) => ({
    ...all[i * members]!.from,
    labels: Array.from({ length: members }, (_, j) => all[(i * members + j) % all.length]!.label),
  }));
}

/** Up to `together` runners, in each group that takes its turn. */
export function inGroups(runners: readonly Runner[], together: number): readonly (readonly Runner[])[] {
  const turns = Math.ceil(runners.length / together);
  return Array.from({ length: turns }, (_, i) => runners.slice(i * together, (i + 1) * together));
}

/** A group that does not come out even has copies of its first runner run along. */
const filled = (group: readonly Runner[], together: number): readonly Runner[] => [
  ...group,
  ...new Array<Runner>(together - group.length).fill(group[0]!),
];

/** Classes of a group's teams, one team after the other. */
export const labelsOf = (group: readonly Runner[], together: number) =>
  filled(group, together).flatMap(({ labels }) => labels);

/** State of a group's runners in one tensor each; costs begin anew in every round. */
export function stacked(group: readonly Runner[], together: number): Record<string, Tensor> {
  const all = filled(group, together);
  const state: Record<string, Tensor> = { cost: float32(new Float32Array(together), [together]) };
  for (const [name, { data, shape }] of Object.entries(group[0]!.state)) {
    const joined = new Float32Array(together * data.length);
    all.forEach((runner, i) => {
      joined.set(runner.state[name]!.data, i * data.length);
    });
    state[name] = float32(joined, [together, ...shape]);
  }
  return state;
}

/** The group's runners after their steps. */
export function unstacked(group: readonly Runner[], { cost, ...after }: Readonly<Record<string, Tensor>>): Runner[] {
  return group.map(({ labels }, i) => {
    const state = Object.entries(after).map(([name, { data, shape }]) => {
      const [count = 1, ...own] = shape;
      const length = data.length / count;
      return [name, float32((data as Float32Array).slice(i * length, (i + 1) * length), own)] as const;
    });
    return { labels, state: Object.fromEntries(state), cost: Number(cost!.data[i]) };
  });
}
