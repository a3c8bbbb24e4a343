/** @file Patches that are optimised side by side, in rounds; after each round the most expensive ones drop out. */
import type { Head } from '../../../../clip/clip.ts';
import { pixelsOf } from '../../../../clip/encode-pictures.ts';
import { imageTower } from '../../../../clip/image-tower.ts';
import { storedParameters } from '../../../../clip/parameters.ts';
import { type Tensors, withProgram } from '../../../../engine/engine.ts';
import { l2Normalize } from '../../../../graph/composites.ts';
import { add, mul } from '../../../../graph/elementwise.ts';
import { gradients } from '../../../../graph/gradients.ts';
import type { Graph, StateValue } from '../../../../graph/graph.ts';
import { gatherRows } from '../../../../graph/indexing.ts';
import { reshape, transpose } from '../../../../graph/layout.ts';
import { constant, input } from '../../../../graph/leaves.ts';
import { matMul } from '../../../../graph/linear-algebra.ts';
import { mean, sum } from '../../../../graph/reduction.ts';
import type { Value } from '../../../../graph/value.ts';
import type { Recorder, RunEvent } from '../../../../runs/recorder.ts';
import { randomFor } from '../../../../tensor/random.ts';
import { float32, int64 } from '../../../../tensor/tensor.ts';
import { adam, adamDefaults, adamFeeds, adamStart } from '../../../../training/adam.ts';
import { type Optimisation, optimise, scalar } from '../../../../training/optimise.ts';
import { tilesAlong } from '../../../../triggers/apply.ts';
import type { Defender } from '../../../defender.ts';
import { towardsTeam } from '../../losses.ts';
import { drawTiles, startingPatch, windowSide, withPatches } from './moving-patch.ts';
import { inGroups, labelsOf, type Runner, stacked, unstacked } from './runners.ts';
import { type Pace, type Round, runsOf, starts } from './teams.ts';

/** The pace of the rounds and of the optimiser. */
export interface RacePace extends Pace {
  /** Weight of a patch's size. */
  readonly sparsity: number;
}

/** Settings shared by all rounds of a race. */
export interface Race extends Defender {
  readonly head: Head;
  /** Names the events. */
  readonly stage: string;
  /** Side of a patch, as a share of the picture's side. */
  readonly window: number;
  /** Adam's learning rate on the logits of masks and patterns. */
  readonly rate: number;
  /** Whether a last, shifted tile covers the far edges. With more places, fewer starts find a backdoor. */
  readonly toEdges: boolean;
  readonly pace: RacePace;
}

/**
 * Adam with less momentum than usual. A step sees so few pictures that half of its gradient is chance; with 0.9 the first
 * steps decide, and fewer starts find a backdoor (docs/ablations.md, "Patch").
 */
const patchAdam = { ...adamDefaults, beta1: 0.3 };

/** Decay of the moving average over the last steps. */
const decay = 0.8;

/**
 * Optimises patches for every team of classes, from several starts, round after round.
 *
 * @param teams labels of the classes any of which a patch is to reach; all teams have the same size
 * @returns the runners of the last round, cheapest first
 */
export async function runRounds(
  race: Race,
  rounds: readonly Round[],
  teams: readonly (readonly number[])[],
): Promise<readonly Runner[]> {
  const { stage, seed } = race;
  const patches = Array.from({ length: starts }, (_, i) =>
    adamStart(startingPatch(sideOf(race), randomFor(seed, stage, 'start', i))),
  ) as Runner['state'][];
  let runners: Runner[] = teams.flatMap((labels) =>
    patches.map((state) => ({ labels, state, cost: 0, nearest: labels[0]! })),
  );
  for (const number of rounds.keys()) {
    runners = await runRound(race, rounds, number, runners.slice(0, rounds[number]!.runners));
  }
  return runners;
}

/** The round at `number`, group after group. Returns its runners, cheapest first. */
async function runRound(
  race: Race,
  rounds: readonly Round[],
  number: number,
  runners: readonly Runner[],
): Promise<Runner[]> {
  const { engine, stage, recorder } = race;
  const round = rounds[number]!;
  const { steps, together } = round;
  const earlier = rounds.slice(0, number);
  const before = { steps: sumOf(earlier, (one) => one.steps), runs: sumOf(earlier, runsOf) };
  const graph = raceStep(race, round, runners[0]!);
  const arrived: Runner[] = [];
  // Kept open while groups take turns, or each of them would compile it again.
  await withProgram(engine, graph, async () => {
    for (const [turn, group] of inGroups(runners, together).entries()) {
      const labels = labelsOf(group, together);
      const course: Optimisation = {
        stage: `${stage}-round-${number + 1}-${turn + 1}`,
        graph,
        start: stacked(group, together),
        steps,
        saveEvery: steps,
        feeds: (step) => feedsOf(race, round, labels, before.steps + step),
        measure: (_step, { loss }) => ({ loss: scalar(loss) / together }),
      };
      const counted = inOneCount(recorder, stage, before.runs + turn * steps, sumOf(rounds, runsOf));
      arrived.push(...unstacked(group, await optimise(engine, course, { ...recorder, record: counted })));
    }
  });
  return arrived.sort((a, b) => a.cost - b.cost);
}

/**
 * Pictures and tiles of a step are the same for all groups of a round: none is ahead by luck. A team's own pictures do not
 * count, or else a class with many of them would look easy to reach.
 */
async function feedsOf(
  race: Race,
  { pictures, together }: Round,
  labels: readonly number[],
  step: number,
): Promise<Tensors> {
  const { shots, stage, rate, toEdges, seed } = race;
  const side = sideOf(race);
  const along = toEdges ? tilesAlong(shots.size, side) : Math.floor(shots.size / side);
  const random = randomFor(seed, stage, step);
  const positions = Array.from({ length: pictures }, () => random.integer(shots.labels.length));
  const members = labels.length / together;
  const counted = Array.from({ length: together }, (_, at) => {
    const team = labels.slice(at * members, (at + 1) * members);
    return positions.map((position) => (team.includes(shots.labels[position]!) ? 0 : 1));
  });
  return {
    pictures: await shots.read(positions),
    counted: float32(counted.flat(), [together, pictures]),
    teams: int64(labels, [labels.length]),
    ...drawTiles(pictures, shots.size, side, along, random),
    ...adamFeeds(step, rate, patchAdam),
  };
}

const sideOf = ({ clip, window }: Race) => windowSide(clip.config.image, window);

const sumOf = (rounds: readonly Round[], of: (round: Round) => number) =>
  rounds.reduce((sum, round) => sum + of(round), 0);

/** One step of a group of runners with the shapes of `like`: each patch on all pictures, independently, towards its team. */
function raceStep({ clip, head, pace }: Race, { together, pictures }: Round, like: Runner): Graph {
  const { resolution } = clip.config.image;
  const members = like.labels.length;
  const patch = ['mask', 'pattern'];
  const parameters = new Map(patch.map((name) => [name, input(name, [together, ...like.state[name]!.shape])]));
  const pixels = pixelsOf(input('pictures', [pictures, 3, resolution, resolution], 'uint8'));
  const { triggered, size } = withPatches(parameters, pixels);
  const all = reshape(triggered, [together * pictures, 3, resolution, resolution]);
  const tower = imageTower(clip.config, storedParameters(clip.parameters), all);
  const embeddings = reshape(l2Normalize(tower), [together, pictures, -1]);
  const texts = constant(float32(head.embeddings, [head.classes.length, head.embedding]));
  const teams = reshape(gatherRows(texts, input('teams', [together * members], 'int64')), [together, members, -1]);
  const counted = input('counted', [together, pictures]);
  const costs = mean(mul(towardsTeam({ triggered: embeddings, texts, teams, scale: head.scale }), counted), [1]);
  // A sum, so that a patch's gradient does not depend on the number of patches in the step.
  const loss = sum(add(costs, mul(size, pace.sparsity)));
  const state = adam(parameters, gradients(loss, [...parameters.values()]), patchAdam);
  const logits = mean(mul(matMul(embeddings, transpose(teams, [0, 2, 1])), head.scale), [1]);
  const standing = {
    cost: movingAverage('cost', costs),
    share: movingAverage('share', mean(counted, [1])),
    logits: movingAverage('logits', logits),
  };
  return { outputs: { loss }, state: { ...state, ...standing } };
}

/** An exponential moving average over the steps. */
function movingAverage(name: string, now: Value): StateValue {
  const before = input(name, now.shape);
  return { input: before, next: add(mul(before, decay), mul(now, 1 - decay)) };
}

/** Events of all rounds appear as one stage with one count of steps. */
function inOneCount(recorder: Recorder, stage: string, before: number, steps: number) {
  return (event: RunEvent) => recorder.record({ ...event, stage, step: before + (event.step ?? 0), steps });
}
