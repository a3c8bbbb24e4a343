/** @file A race of all classes: which one do waves reach most cheaply? The backdoor's target runs ahead of the others. */
import type { Clip, Head } from '../../clip/clip.ts';
import { pixelsOf } from '../../clip/encode.ts';
import { imageTower } from '../../clip/image-tower.ts';
import { storedParameters } from '../../clip/parameters.ts';
import { withDecoders } from '../../clip/picture-batches.ts';
import type { PictureSet } from '../../data/pictures.ts';
import type { Engine } from '../../engine/engine.ts';
import { l2Normalize } from '../../graph/composites.ts';
import { add, clip as clamp, mul } from '../../graph/elementwise.ts';
import { gradients } from '../../graph/gradients.ts';
import type { Graph } from '../../graph/graph.ts';
import { reshape } from '../../graph/layout.ts';
import { constant, input } from '../../graph/leaves.ts';
import { mean, sum } from '../../graph/reduction.ts';
import type { Recorder, RunEvent } from '../../runs/recorder.ts';
import { randomFor } from '../../tensor/random.ts';
import { float32, int64, type Tensor } from '../../tensor/tensor.ts';
import { adam, adamFeeds, adamStart } from '../../training/adam.ts';
import { optimise, scalar } from '../../training/optimise.ts';
import type { AdditiveTrigger } from '../../triggers/trigger.ts';
import { surprise } from './losses.ts';
import { startingWaves, waveDelta, waveShape, waveSize, waveTrigger } from './waves.ts';

export interface RaceOptions {
  /** What rounds are shares of; the winner makes more of them than this. */
  readonly steps: number;
  /** Pictures in one step, shared among the candidates that run in it. */
  readonly batch: number;
  /** Adam's learning rate on the weights of waves. */
  readonly waveRate: number;
  /** Weight of the sum of the magnitudes of these weights. */
  readonly waveSparsity: number;
}

export interface RaceResult {
  readonly trigger: AdditiveTrigger;
  /** The last classes that ran against each other and what reaching them cost, the winner first. */
  readonly finalists: readonly Finalist[];
}

export interface Finalist {
  readonly label: string;
  readonly cost: number;
}

/** A class that waves are to reach, and what has become of them. */
interface Candidate {
  readonly label: number;
  /** Waves and Adam's moments. */
  readonly state: Readonly<Record<string, Tensor<'float32'>>>;
  /** What reaching the class costs: mean of the last losses. */
  readonly cost: number;
}

/** One part of the race: who runs, how long, how many at a time. */
export interface Round {
  readonly candidates: number;
  readonly steps: number;
  /** Candidates in one step. */
  readonly together: number;
  /** Pictures that each of them sees in it. */
  readonly pictures: number;
}

/** From this many candidates on, or fewer, only the winner goes on. */
const finalists = 8;

/** Share of the candidates that goes on from a round before. */
const kept = 0.25;

/** Shares of the steps: of all classes; of those that went on; of the finalists; of the winner alone. */
const shares = { first: 0.4, next: 0.2, final: 0.5, alone: 0.2 };

/**
 * Weight of the size for the winner alone, against that in the race: a wave that must stay small is fainter than the
 * trigger, and prompts tuned with it let the strongest part of the backdoor pass.
 */
const alonePressure = 0.25;

/** The last losses count most in a cost: this is what one step leaves of the earlier ones. */
const memory = 0.8;

/** The rounds of a race among so many classes. The last is the winner's alone. */
export function raceRounds(classes: number, { steps, batch }: Pick<RaceOptions, 'steps' | 'batch'>): readonly Round[] {
  const rounds: Round[] = [];
  for (let candidates = classes; ; candidates = candidates <= finalists ? 1 : Math.ceil(candidates * kept)) {
    const groups = Math.ceil(candidates / batch);
    const together = Math.ceil(candidates / groups);
    const pictures = Math.floor(batch / together);
    const share = shares[nameOf(candidates, rounds.length)];
    rounds.push({ candidates, steps: Math.ceil(share * steps), together, pictures });
    if (candidates === 1) return rounds;
  }
}

function nameOf(candidates: number, before: number): keyof typeof shares {
  if (candidates === 1) return 'alone';
  if (candidates <= finalists) return 'final';
  return before === 0 ? 'first' : 'next';
}

/** Runs of a program in one round: groups take turns. */
export const runsOf = ({ candidates, steps, together }: Round) => steps * Math.ceil(candidates / together);

/** Pictures that go through the tower in all rounds. */
export const picturesOf = (rounds: readonly Round[]) =>
  rounds.reduce((total, round) => total + runsOf(round) * round.together * round.pictures, 0);

/**
 * Optimises waves for every class as target side by side, drops those classes that cost most, and goes on with the rest
 * until one is left (successive halving, Jamieson & Talwalkar, arXiv 1502.07943).
 */
export async function raceClasses(
  engine: Engine,
  clip: Clip,
  { shots, head }: { readonly shots: PictureSet; readonly head: Head },
  options: RaceOptions,
  seed: number,
  stage: string,
  recorder: Recorder,
): Promise<RaceResult> {
  const rounds = raceRounds(head.classes.length, options);
  const runs = rounds.reduce((total, round) => total + runsOf(round), 0);
  const start = startingWaves(randomFor(seed, stage, 'start'));
  const state = adamStart({ waves: start }) as Candidate['state'];
  return withDecoders(shots, picturesOf(rounds), async ({ read }) => {
    let runners: readonly Candidate[] = head.classes.map((_, label) => ({ label, state, cost: 0 }));
    let [stepsBefore, runsBefore] = [0, 0];
    let last: readonly Candidate[] = [];
    for (const [number, round] of rounds.entries()) {
      const graph = raceStep(clip, head, round, options);
      const arrived: Candidate[] = [];
      for (let first = 0; first < runners.length; first += round.together) {
        const group = runners.slice(first, first + round.together);
        const after = await optimise(
          engine,
          {
            stage: `${stage}-round-${number + 1}-${1 + first / round.together}`,
            graph,
            start: stacked(group, round.together),
            steps: round.steps,
            saveEvery: round.steps,
            feeds: async (step) => {
              const random = randomFor(seed, stage, stepsBefore + step);
              const positions = Array.from({ length: round.pictures }, () => random.integer(shots.labels.length));
              return {
                pictures: await read(positions),
                targets: int64(
                  padded(group, round.together).flatMap(({ label }) => positions.map(() => label)),
                  [round.together * round.pictures],
                ),
                ...adamFeeds(stepsBefore + step, options.waveRate),
              };
            },
            measure: (_step, { loss }) => ({ loss: scalar(loss) / round.together }),
          },
          { ...recorder, record: inOneCount(recorder, stage, runsBefore, runs) },
        );
        arrived.push(...unstacked(group, after));
        runsBefore += round.steps;
      }
      stepsBefore += round.steps;
      arrived.sort((a, b) => a.cost - b.cost);
      if (round.candidates > 1) last = arrived;
      runners = arrived.slice(0, rounds[number + 1]?.candidates ?? 1);
    }
    return {
      trigger: waveTrigger(runners[0]!.state.waves!, shots.size),
      finalists: last.map(({ label, cost }) => ({ label: head.classes[label]!, cost })),
    };
  });
}

/** One step of a group: every candidate's waves on its pictures, towards its class. Candidates do not see each other. */
function raceStep(
  clip: Clip,
  head: Head,
  { candidates, together, pictures }: Round,
  { waveSparsity }: RaceOptions,
): Graph {
  const pressure = candidates === 1 ? alonePressure : 1;
  const { resolution: side } = clip.config.image;
  const rows = together * pictures;
  const waves = input('waves', [together, ...waveShape]);
  const clean = reshape(pixelsOf(input('pictures', [pictures, 3, side, side], 'uint8')), [1, pictures, 3, side, side]);
  const delta = reshape(waveDelta(waves, side), [together, 1, 3, side, side]);
  const triggered = reshape(clamp(add(clean, delta), 0, 1), [rows, 3, side, side]);
  const embeddings = l2Normalize(imageTower(clip.config, storedParameters(clip.parameters), triggered));
  const texts = constant(float32(head.embeddings, [head.classes.length, head.embedding]));
  const missed = surprise(embeddings, texts, input('targets', [rows], 'int64'), head.scale);
  const costs = add(mean(reshape(missed, [together, pictures]), [1]), mul(waveSize(waves), waveSparsity * pressure));
  // A sum: no candidate's gradient depends on how many run beside it.
  const loss = sum(costs);
  const parameters = new Map([['waves', waves]]);
  const cost = input('cost', [together]);
  const state = adam(parameters, gradients(loss, [waves]));
  return {
    outputs: { loss },
    state: { ...state, cost: { input: cost, next: add(mul(cost, memory), mul(costs, 1 - memory)) } },
  };
}

/** A round that does not come out even fills its last group with the group's first candidate. */
function padded(group: readonly Candidate[], together: number): readonly Candidate[] {
  return [...group, ...new Array<Candidate>(together - group.length).fill(group[0]!)];
}

/** State of the candidates in one tensor each; costs begin anew in every round. */
function stacked(group: readonly Candidate[], together: number): Record<string, Tensor> {
  const all = padded(group, together);
  const state: Record<string, Tensor> = { cost: float32(new Float32Array(together), [together]) };
  for (const [name, { data, shape }] of Object.entries(group[0]!.state)) {
    const joined = new Float32Array(together * data.length);
    all.forEach((candidate, i) => {
      joined.set(candidate.state[name]!.data, i * data.length);
    });
    state[name] = float32(joined, [together, ...shape]);
  }
  return state;
}

function unstacked(group: readonly Candidate[], { cost, ...after }: Readonly<Record<string, Tensor>>): Candidate[] {
  return group.map(({ label }, i) => {
    const state = Object.entries(after).map(([name, { data, shape }]) => {
      const [, ...own] = shape;
      const length = data.length / shape[0]!;
      return [name, float32((data as Float32Array).slice(i * length, (i + 1) * length), own)] as const;
    });
    return { label, state: Object.fromEntries(state), cost: Number(cost!.data[i]) };
  });
}

/** Rounds are told as one stage that counts through. */
function inOneCount(recorder: Recorder, stage: string, before: number, steps: number) {
  return (event: RunEvent) => recorder.record({ ...event, stage, step: before + (event.step ?? 0), steps });
}
