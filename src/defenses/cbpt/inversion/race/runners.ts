/** @file Who runs in a race of patches, and how several are taken together for a step. */
import { float32, rowsAt, type Tensor } from '../../../../tensor/tensor.ts';

/** A patch, and the team of classes any of which it is to reach. */
export interface Runner {
  readonly labels: readonly number[];
  /** The patch's logits and Adam's moments. */
  readonly state: Readonly<Record<string, Tensor<'float32'>>>;
  /** What reaching the team costs, the patch's size left out: mean of the last losses. */
  readonly cost: number;
  /** The class of its team that the patch comes nearest to. */
  readonly nearest: number;
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

/** What a step keeps of every runner besides its patch: means of the last steps, which begin anew in every round. */
const standing = (together: number, members: number) => ({
  cost: float32(new Float32Array(together), [together]),
  logits: float32(new Float32Array(together * members), [together, members]),
});

/** State of a group's runners in one tensor each. */
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

/** The group's runners after their steps. */
export function unstacked(
  group: readonly Runner[],
  { cost, logits, ...after }: Readonly<Record<string, Tensor>>,
): Runner[] {
  return group.map(({ labels }, i) => ({
    labels,
    state: Object.fromEntries(Object.entries(after).map(([name, all]) => [name, rowOf(all, i)])),
    cost: rowOf(cost!, i).data[0]!,
    nearest: labels[placeOfLargest(rowOf(logits!, i).data)]!,
  }));
}

/** What a tensor holds for the runner at `i`. */
const rowOf = (all: Tensor, i: number): Tensor<'float32'> =>
  float32(rowsAt(all as Tensor<'float32'>, [i]).data, all.shape.slice(1));

const placeOfLargest = (data: Float32Array) => data.reduce((best, x, i) => (x > data[best]! ? i : best), 0);
