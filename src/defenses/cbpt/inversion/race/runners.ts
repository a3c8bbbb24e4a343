/** @file Competitors in a race of patches, and how several of them share a step. */
import { float32, rowsAt, type Tensor } from '../../../../tensor/tensor.ts';

/** A patch and its team: classes any of which it is to reach. */
export interface Runner {
  readonly labels: readonly number[];
  /** The patch's logits and Adam's moments. */
  readonly state: Readonly<Record<string, Tensor<'float32'>>>;
  /** Mean of the last losses without the patch's size, on pictures of other classes: the cost of reaching the team. */
  readonly cost: number;
  /** The class of its team that the patch comes nearest to. */
  readonly nearest: number;
}

/** Groups of up to `together` runners, which take turns. */
export function inGroups(runners: readonly Runner[], together: number): readonly (readonly Runner[])[] {
  const turns = Math.ceil(runners.length / together);
  return Array.from({ length: turns }, (_, i) => runners.slice(i * together, (i + 1) * together));
}

/** Fills a short group with copies of its first runner. */
const filled = (group: readonly Runner[], together: number): readonly Runner[] => [
  ...group,
  ...new Array<Runner>(together - group.length).fill(group[0]!),
];

/** Classes of a group's teams, one team after the other. */
export const labelsOf = (group: readonly Runner[], together: number) =>
  filled(group, together).flatMap(({ labels }) => labels);

/** The state of every runner apart from its patch: running means, which restart in every round. */
const standing = (together: number, members: number) => ({
  cost: float32(new Float32Array(together), [together]),
  share: float32(new Float32Array(together), [together]),
  logits: float32(new Float32Array(together * members), [together, members]),
});

/** The states of a group's runners, stacked along a first axis. */
export function stacked(group: readonly Runner[], together: number): Record<string, Tensor> {
  const [{ labels, state: like }] = group as readonly [Runner];
  const all = filled(group, together);
  const patches = Object.entries(like).map(([name, { data, shape }]) => {
    const joined = new Float32Array(together * data.length);
    all.forEach((runner, i) => {
      joined.set(runner.state[name]!.data, i * data.length);
    });
    return [name, float32(joined, [together, ...shape])] as const;
  });
  return { ...standing(together, labels.length), ...Object.fromEntries(patches) };
}

/** A team that saw no pictures but its own reached nothing. */
const perPicture = (cost: number, share: number) => (share > 0 ? cost / share : Number.POSITIVE_INFINITY);

/** The group's runners after their steps. */
export function unstacked(
  group: readonly Runner[],
  { cost, share, logits, ...after }: Readonly<Record<string, Tensor>>,
): Runner[] {
  return group.map(({ labels }, i) => ({
    labels,
    state: Object.fromEntries(Object.entries(after).map(([name, all]) => [name, rowOf(all, i)])),
    cost: perPicture(rowOf(cost!, i).data[0]!, rowOf(share!, i).data[0]!),
    nearest: labels[indexOfLargest(rowOf(logits!, i).data)]!,
  }));
}

/** The part of a stacked tensor that belongs to the runner at `i`. */
const rowOf = (all: Tensor, i: number): Tensor<'float32'> =>
  float32(rowsAt(all as Tensor<'float32'>, [i]).data, all.shape.slice(1));

const indexOfLargest = (data: Float32Array) => data.reduce((best, x, i) => (x > data[best]! ? i : best), 0);
