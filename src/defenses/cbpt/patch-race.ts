/** @file A race of all classes: which one does a patch reach most cheaply? The backdoor's target runs ahead of the others. */
import type { Clip, Head } from '../../clip/clip.ts';
import { type Embeddings, pixelsOf } from '../../clip/encode.ts';
import { imageTower } from '../../clip/image-tower.ts';
import { storedParameters } from '../../clip/parameters.ts';
import { withDecoders } from '../../clip/picture-batches.ts';
import type { PictureSet } from '../../data/pictures.ts';
import type { Engine } from '../../engine/engine.ts';
import { withProgram } from '../../engine/with-program.ts';
import { l2Normalize } from '../../graph/composites.ts';
import { add, mul } from '../../graph/elementwise.ts';
import { gradients } from '../../graph/gradients.ts';
import type { Graph } from '../../graph/graph.ts';
import { gatherRows } from '../../graph/indexing.ts';
import { reshape } from '../../graph/layout.ts';
import { constant, input } from '../../graph/leaves.ts';
import { mean, sum } from '../../graph/reduction.ts';
import type { Recorder, RunEvent } from '../../runs/recorder.ts';
import { randomFor } from '../../tensor/random.ts';
import { float32, int64, type Tensor } from '../../tensor/tensor.ts';
import { adam, adamFeeds, adamStart } from '../../training/adam.ts';
import { optimise, scalar } from '../../training/optimise.ts';
import { type DummyTrigger, examine } from './examine.ts';
import type { NamedForm } from './forms.ts';
import { towardsTeam } from './losses.ts';
import { drawTiles, patchTrigger, startingPatch, withPatches } from './moving-patch.ts';
import { fittingBatch } from './step-memory.ts';
import { byLikeness, picturesOf, type Round, raceRounds, runsOf } from './teams.ts';

export interface RaceOptions {
  /** What rounds take shares of. */
  readonly steps: number;
  /** Pictures in one step, those of all patches together; fewer where they would take too much memory. */
  readonly batch: number;
  /** Adam's learning rate on the logits of masks and patterns. */
  readonly patchRate: number;
  /** Weight of a patch's size. */
  readonly sparsity: number;
  /** Side of a patch, as a share of the picture's side. */
  readonly window: number;
}

export interface RaceInput {
  readonly shots: PictureSet;
  /** Embeddings of the shots as they are. */
  readonly clean: Embeddings;
  /** Hand-written prompts. */
  readonly head: Head;
}

/** A team of classes, any of which a patch is to reach, and what has become of it. */
interface Runner {
  readonly labels: readonly number[];
  /** The patch's logits and Adam's moments. */
  readonly state: Readonly<Record<string, Tensor<'float32'>>>;
  /** What reaching the team costs: mean of the last losses. */
  readonly cost: number;
}

/** The last losses count most in a cost: this is what one step leaves of the earlier ones. */
const memory = 0.8;

/**
 * Optimises one patch for every team of classes side by side, drops the teams that are dear to reach, splits those that are
 * left, and looks at what the last one's patch does to the shots.
 */
export async function racePatches(
  engine: Engine,
  clip: Clip,
  given: RaceInput,
  named: NamedForm<'patch'>,
  asked: RaceOptions,
  seed: number,
  recorder: Recorder,
): Promise<DummyTrigger> {
  const { shots, head } = given;
  const stage = `invert-${named.name}`;
  const options = { ...asked, batch: fittingBatch(clip, asked.batch) };
  const side = Math.round(options.window * shots.size);
  const rounds = raceRounds(head.classes.length, options);
  const runs = rounds.reduce((all, round) => all + runsOf(round), 0);
  const start = adamStart(startingPatch(side, randomFor(seed, stage, 'start'))) as Runner['state'];
  const winner = await withDecoders(shots, picturesOf(rounds), async ({ read }) => {
    let runners = inTeams([{ labels: byLikeness(head), state: start, cost: 0 }], rounds[0]!);
    let [stepsBefore, runsBefore] = [0, 0];
    for (const [number, round] of rounds.entries()) {
      const graph = raceStep(clip, head, start, round, options);
      const arrived: Runner[] = [];
      const runGroup = async (group: readonly Runner[], turn: number) => {
        const labels = filled(group, round.together).flatMap((runner) => runner.labels);
        const final = await optimise(
          engine,
          {
            stage: `${stage}-round-${number + 1}-${turn + 1}`,
            graph,
            start: stacked(group, round.together),
            steps: round.steps,
            saveEvery: round.steps,
            feeds: async (step) => {
              const random = randomFor(seed, stage, stepsBefore + step);
              const positions = Array.from({ length: round.pictures }, () => random.integer(shots.labels.length));
              return {
                pictures: await read(positions),
                teams: int64(labels, [labels.length]),
                ...drawTiles(round.pictures, shots.size, side, random),
                ...adamFeeds(stepsBefore + step, options.patchRate),
              };
            },
            measure: (_step, { loss }) => ({ loss: scalar(loss) / round.together }),
          },
          { ...recorder, record: inOneCount(recorder, stage, runsBefore, runs) },
        );
        arrived.push(...unstacked(group, final));
        runsBefore += round.steps;
      };
      // Held while groups take turns: each of them would compile it anew.
      await withProgram(engine, graph, async () => {
        for (let turn = 0; turn * round.together < runners.length; turn++) {
          await runGroup(runners.slice(turn * round.together, (turn + 1) * round.together), turn);
        }
      });
      stepsBefore += round.steps;
      arrived.sort((a, b) => a.cost - b.cost);
      if (number === rounds.length - 2) recorder.record({ stage: `${stage}-finalists`, costs: told(arrived, head) });
      const next = rounds[number + 1];
      runners = next ? inTeams(arrived, next) : arrived;
    }
    return runners[0]!;
  });
  return examine(engine, clip, given, named, patchTrigger(winner.state), seed, recorder);
}

/** One step of a group: every team's patch on the pictures, towards its team. Teams do not see each other. */
function raceStep(
  clip: Clip,
  head: Head,
  start: Runner['state'],
  { members, together, pictures }: Round,
  { sparsity }: RaceOptions,
): Graph {
  const { resolution } = clip.config.image;
  const logits = ['mask', 'pattern'];
  const parameters = new Map(logits.map((name) => [name, input(name, [together, ...start[name]!.shape])]));
  const pixels = pixelsOf(input('pictures', [pictures, 3, resolution, resolution], 'uint8'));
  const { triggered, size } = withPatches(parameters, pixels);
  const all = reshape(triggered, [together * pictures, 3, resolution, resolution]);
  const embeddings = l2Normalize(imageTower(clip.config, storedParameters(clip.parameters), all));
  const texts = constant(float32(head.embeddings, [head.classes.length, head.embedding]));
  const teams = reshape(gatherRows(texts, input('teams', [together * members], 'int64')), [together, members, -1]);
  const missed = towardsTeam(reshape(embeddings, [together, pictures, -1]), texts, teams, head.scale);
  const costs = add(mean(missed, [1]), mul(size, sparsity));
  // A sum: no team's gradient depends on how many run beside it.
  const loss = sum(costs);
  const cost = input('cost', [together]);
  const state = adam(parameters, gradients(loss, [...parameters.values()]));
  const next = add(mul(cost, memory), mul(costs, 1 - memory));
  return { outputs: { loss }, state: { ...state, cost: { input: cost, next } } };
}

/**
 * The first classes of the runners, as they are or split, as teams of the next round, each with what its first member comes
 * from. The last team is filled with the first classes again.
 */
function inTeams(runners: readonly Runner[], { teams, members }: Pick<Round, 'teams' | 'members'>): Runner[] {
  const all = runners.flatMap((from) => from.labels.map((label) => ({ label, from })));
  return Array.from({ length: teams }, (_, i) => ({
    ...all[i * members]!.from,
    labels: Array.from({ length: members }, (_, j) => all[(i * members + j) % all.length]!.label),
  }));
}

/** A round that does not come out even fills its last group with the group's first team. */
function filled(group: readonly Runner[], together: number): readonly Runner[] {
  return [...group, ...new Array<Runner>(together - group.length).fill(group[0]!)];
}

/** State of the runners in one tensor each; costs begin anew in every round. */
function stacked(group: readonly Runner[], together: number): Record<string, Tensor> {
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

function unstacked(group: readonly Runner[], { cost, ...after }: Readonly<Record<string, Tensor>>): Runner[] {
  return group.map(({ labels }, i) => {
    const state = Object.entries(after).map(([name, { data, shape }]) => {
      const [count = 1, ...own] = shape;
      const length = data.length / count;
      return [name, float32((data as Float32Array).slice(i * length, (i + 1) * length), own)] as const;
    });
    return { labels, state: Object.fromEntries(state), cost: Number(cost!.data[i]) };
  });
}

/** Rounds are told as one stage that counts through. */
function inOneCount(recorder: Recorder, stage: string, before: number, steps: number) {
  return (event: RunEvent) => recorder.record({ ...event, stage, step: before + (event.step ?? 0), steps });
}

const told = (runners: readonly Runner[], { classes }: Head) =>
  runners.map(({ labels, cost }) => `${classes[labels[0]!]} ${cost.toFixed(2)}`);
