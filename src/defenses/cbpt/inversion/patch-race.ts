/** @file A race of all classes: which one does a patch reach most cheaply? The backdoor's target runs ahead of the others. */
import type { Clip, Head } from '../../../clip/clip.ts';
import { pixelsOf } from '../../../clip/encode-pictures.ts';
import { imageTower } from '../../../clip/image-tower.ts';
import { storedParameters } from '../../../clip/parameters.ts';
import { withDecoders } from '../../../clip/picture-batches.ts';
import type { PictureSet } from '../../../data/pictures.ts';
import type { Engine, Tensors } from '../../../engine/engine.ts';
import { withProgram } from '../../../engine/with-program.ts';
import { l2Normalize } from '../../../graph/composites.ts';
import { add, mul } from '../../../graph/elementwise.ts';
import { gradients } from '../../../graph/gradients.ts';
import type { Graph } from '../../../graph/graph.ts';
import { gatherRows } from '../../../graph/indexing.ts';
import { reshape } from '../../../graph/layout.ts';
import { constant, input } from '../../../graph/leaves.ts';
import { mean, sum } from '../../../graph/reduction.ts';
import type { Recorder, RunEvent } from '../../../runs/recorder.ts';
import { randomFor } from '../../../tensor/random.ts';
import { float32, int64 } from '../../../tensor/tensor.ts';
import { adam, adamFeeds, adamStart } from '../../../training/adam.ts';
import { type Optimisation, optimise, scalar } from '../../../training/optimise.ts';
import { towardsTeam } from '../losses.ts';
import { fittingBatch } from '../step-memory.ts';
import { type DummyTrigger, examine } from './examine.ts';
import type { NamedForm } from './forms.ts';
import type { InversionInput } from './invert-trigger.ts';
import { drawTiles, patchTrigger, startingPatch, withPatches } from './moving-patch.ts';
import { inGroups, inTeams, labelsOf, type Runner, stacked, unstacked } from './runners.ts';
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

/** Names the events of a race among suspects, which is much shorter than one of all classes. */
export const toldStage = (name: string) => `invert-${name}-told`;

/** The last losses count most in a cost: this is what one step leaves of the earlier ones. */
const memory = 0.8;

/** What all rounds of a race have in common. */
interface Race {
  readonly engine: Engine;
  readonly clip: Clip;
  readonly head: Head;
  readonly shots: PictureSet;
  readonly rounds: readonly Round[];
  /** A patch that nothing has been done to. */
  readonly start: Runner['state'];
  readonly stage: string;
  readonly options: RaceOptions;
  readonly seed: number;
  readonly recorder: Recorder;
}

/**
 * Optimises one patch for every team of classes side by side, drops the teams that are dear to reach, splits those that are
 * left, and looks at what the last one's patch does to the shots.
 *
 * @param suspects classes that a trigger of another form is known to lead to: then they alone run, and most often it is one
 */
export async function racePatches(
  engine: Engine,
  clip: Clip,
  given: Pick<InversionInput, 'shots' | 'head'>,
  named: NamedForm<'patch'>,
  suspects: readonly number[],
  asked: RaceOptions,
  seed: number,
  recorder: Recorder,
): Promise<DummyTrigger> {
  const { shots, head } = given;
  const stage = suspects.length > 0 ? toldStage(named.name) : `invert-${named.name}`;
  const options = { ...asked, batch: fittingBatch(clip, asked.batch) };
  const all = suspects.length > 0 ? suspects : byLikeness(head);
  const rounds = raceRounds(all.length, options);
  const start = adamStart(startingPatch(sideOf(shots, options), randomFor(seed, stage, 'start'))) as Runner['state'];
  const winner = await withDecoders(shots, picturesOf(rounds), async (decoded) => {
    const race: Race = { engine, clip, head, shots: decoded, rounds, start, stage, options, seed, recorder };
    let runners: Runner[] = [{ labels: all, state: start, cost: 0 }];
    for (const [number, round] of rounds.entries()) {
      runners = await runRound(race, number, inTeams(runners, round));
      if (number === rounds.length - 2) recorder.record({ stage: `${stage}-finalists`, costs: told(runners, head) });
    }
    return runners[0]!;
  });
  return examine(engine, clip, given, named, patchTrigger(winner.state), seed, recorder);
}

/** The round at `number`, group after group. Returns who ran, the cheapest first. */
async function runRound(race: Race, number: number, runners: readonly Runner[]): Promise<Runner[]> {
  const { engine, clip, head, rounds, start, stage, options, recorder } = race;
  const round = rounds[number]!;
  const { steps, together } = round;
  const before = {
    steps: sumOf(rounds.slice(0, number), (one) => one.steps),
    runs: sumOf(rounds.slice(0, number), runsOf),
  };
  const graph = raceStep(clip, head, start, round, options);
  const arrived: Runner[] = [];
  // Held while groups take turns: each of them would compile it anew.
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

/** Pictures and tiles of a step are the same for all groups of a round: nobody is ahead by luck. */
async function feedsOf(
  { shots, stage, options, seed }: Race,
  { pictures }: Round,
  labels: readonly number[],
  step: number,
): Promise<Tensors> {
  const random = randomFor(seed, stage, step);
  const positions = Array.from({ length: pictures }, () => random.integer(shots.labels.length));
  return {
    pictures: await shots.read(positions),
    teams: int64(labels, [labels.length]),
    ...drawTiles(pictures, shots.size, sideOf(shots, options), random),
    ...adamFeeds(step, options.patchRate),
  };
}

const sideOf = ({ size }: PictureSet, { window }: RaceOptions) => Math.round(window * size);

const sumOf = (rounds: readonly Round[], of: (round: Round) => number) =>
  rounds.reduce((sum, round) => sum + of(round), 0);

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

/** Rounds are told as one stage that counts through. */
function inOneCount(recorder: Recorder, stage: string, before: number, steps: number) {
  return (event: RunEvent) => recorder.record({ ...event, stage, step: before + (event.step ?? 0), steps });
}

const told = (runners: readonly Runner[], { classes }: Head) =>
  runners.map(({ labels, cost }) => `${classes[labels[0]!]} ${cost.toFixed(2)}`).join(', ');
