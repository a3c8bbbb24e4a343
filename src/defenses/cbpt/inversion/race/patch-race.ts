/** @file The class that a small patch reaches most cheaply: the target of a backdoor is ahead of the other classes. */
import type { Head } from '../../../../clip/clip.ts';
import { withDecoders } from '../../../../clip/pictures/picture-batches.ts';
import type { Defender } from '../../../defense.ts';
import { fittingBatch } from '../../step-memory.ts';
import { type DummyTrigger, examine } from '../examine.ts';
import type { NamedForm } from '../forms.ts';
import { patchTrigger } from './moving-patch.ts';
import { type Race, type RacePace, runRounds } from './race-rounds.ts';
import type { Runner } from './runners.ts';
import { byLikeness, finalists, finals, heats, picturesOf, teamsOf } from './teams.ts';

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

/**
 * In the heats, classes run in teams and with large patches, which find a backdoor soonest. In the finals, the classes that
 * these came nearest to run one by one, with patches of the final size.
 *
 * @param suspects classes that triggers of other forms lead to: if there are any, only they run, in the finals
 */
export async function racePatches(
  defender: Defender,
  head: Head,
  { name, form }: NamedForm<'patch'>,
  suspects: readonly number[],
  asked: RaceOptions,
): Promise<DummyTrigger> {
  const options = { ...asked, patchBatch: fittingBatch(defender.clip, asked.patchBatch) };
  const classes = suspects.length > 0 ? suspects : byLikeness(head);
  const pictures = picturesOf(heats(classes.length, options)) + picturesOf(finals(classes.length, options));
  const winner = await withDecoders(defender.shots, pictures, async (decoded) => {
    const race = { ...defender, shots: decoded, head, pace: options };
    const inHeats = {
      ...race,
      stage: heatsStage(name),
      window: options.heatWindow,
      rate: options.heatRate,
      toEdges: false,
    };
    const qualified = await qualify(inHeats, classes);
    const singles = qualified.map((label) => [label]);
    const inFinals = {
      ...race,
      stage: `invert-${name}`,
      window: options.window,
      rate: options.patchRate,
      toEdges: true,
    };
    const [first] = await runRounds(inFinals, finals(singles.length, options), singles);
    return first!;
  });
  return examine(defender, head, { name, form }, patchTrigger(winner.state));
}

/** The classes that the heats' best patches came nearest to, cheapest first; all classes where there are few. */
async function qualify(race: Race, classes: readonly number[]): Promise<readonly number[]> {
  const rounds = heats(classes.length, race.pace);
  if (rounds.length === 0) return classes;
  const arrived = await runRounds(race, rounds, teamsOf(classes));
  const isFirst = ({ nearest }: Runner, at: number) => arrived.findIndex((one) => one.nearest === nearest) === at;
  const qualified = arrived.filter(isFirst).slice(0, finalists);
  const costs = qualified.map(({ nearest, cost }) => `${race.head.classes[nearest]} ${cost.toFixed(2)}`);
  race.recorder.record({ stage: `${race.stage}-result`, finalists: costs.join(', ') });
  return qualified.map(({ nearest }) => nearest);
}
