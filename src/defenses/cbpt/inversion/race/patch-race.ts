/** @file The class that a small patch reaches most cheaply: the target of a backdoor is ahead of the other classes. */
import type { Head } from '../../../../clip/clip.ts';
import { withDecoders } from '../../../../clip/pictures/picture-batches.ts';
import type { Defender } from '../../../defender.ts';
import { fittingBatch } from '../../step-memory.ts';
import { type DummyTrigger, examine } from '../examine.ts';
import { areFew } from '../forms.ts';
import { patchTrigger } from './moving-patch.ts';
import { type RacePace, runRounds } from './race-rounds.ts';
import type { Runner } from './runners.ts';
import { byLikeness, finalists, finals, heats, picturesOf, type Round, teamsOf } from './teams.ts';

export interface RaceOptions extends RacePace {
  /** Side of a patch, as a share of the picture's side. */
  readonly window: number;
  /** Adam's learning rate on a patch's logits. */
  readonly patchRate: number;
  /** Both in the heats, which only have to find likely winners: patches are larger there and move faster. */
  readonly heatWindow: number;
  readonly heatRate: number;
}

/** Names the events of the heats; those of the finals have the form's own name. */
export const heatsStage = (name: string) => `invert-${name}-heats`;

/** Names the finals of one class alone, and what is found in them. */
export const aloneName = (name: string) => `${name}-alone`;

/** What a race is for. */
export interface PatchSearch {
  readonly defender: Defender;
  readonly head: Head;
  /** Names the stages, and what is found. */
  readonly name: string;
  /** Classes that triggers of other forms lead to: if there are any, only they run, in the finals. */
  readonly suspects: readonly number[];
  /** Whether a patch is a backdoor's beyond doubt. */
  readonly isSure: (patch: DummyTrigger) => boolean;
}

/**
 * In the heats, classes run in teams and with large patches, which find a backdoor soonest. In the finals, the classes that
 * these came nearest to run one by one, with patches of the final size. A patch of the finals sees few pictures in a step, so
 * where there are few in all a target can be lost there: unless their winner is sure, the first of the heats then runs alone.
 */
export async function racePatches(search: PatchSearch, asked: RaceOptions): Promise<DummyTrigger> {
  const { defender, head, name, suspects, isSure } = search;
  const options = { ...asked, patchBatch: fittingBatch(defender.clip, asked.patchBatch) };
  const inFinals = (classes: readonly number[], named = name) =>
    runFinals({ ...search, name: named }, classes, options);
  if (suspects.length > 0) return inFinals(suspects);
  const rounds = heats(head.classes.length, options);
  const [first, ...others] = rounds.length === 0 ? head.classes.keys() : await runHeats(search, rounds, options);
  const winner = await inFinals([first!, ...others]);
  if (isSure(winner) || rounds.length === 0 || !areFew(defender.shots.labels.length)) return winner;
  const alone = await inFinals([first!], aloneName(name));
  return alone.concentration > winner.concentration ? alone : winner;
}

/** The classes that the best patches of the heats came nearest to, cheapest first. */
async function runHeats(
  { defender, head, name }: PatchSearch,
  rounds: readonly Round[],
  options: RaceOptions,
): Promise<readonly number[]> {
  const stage = heatsStage(name);
  const arrived = await withDecoders(defender.shots, picturesOf(rounds), (shots) => {
    const { heatWindow: window, heatRate: rate } = options;
    const race = { ...defender, shots, head, stage, window, rate, toEdges: false, pace: options };
    return runRounds(race, rounds, teamsOf(byLikeness(head)));
  });
  const isFirst = ({ nearest }: Runner, at: number) => arrived.findIndex((one) => one.nearest === nearest) === at;
  const qualified = arrived.filter(isFirst).slice(0, finalists);
  const costs = qualified.map(({ nearest, cost }) => `${head.classes[nearest]} ${cost.toFixed(2)}`);
  defender.recorder.record({ stage: `${stage}-result`, finalists: costs.join(', ') });
  return qualified.map(({ nearest }) => nearest);
}

/** The best patch of these classes, each for itself. */
async function runFinals(
  { defender, head, name }: PatchSearch,
  classes: readonly number[],
  options: RaceOptions,
): Promise<DummyTrigger> {
  const rounds = finals(classes.length, options);
  const singles = classes.map((label) => [label]);
  const [winner] = await withDecoders(defender.shots, picturesOf(rounds), (shots) => {
    const { window, patchRate: rate } = options;
    const race = { ...defender, shots, head, stage: `invert-${name}`, window, rate, toEdges: true, pace: options };
    return runRounds(race, rounds, singles);
  });
  return examine(defender, head, { name, form: 'patch' }, patchTrigger(winner!.state));
}
