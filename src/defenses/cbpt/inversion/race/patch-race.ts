/** @file Which class does a small patch reach most cheaply? The backdoor's target runs ahead of the others. */
import type { Clip } from '../../../../clip/clip.ts';
import { withDecoders } from '../../../../clip/pictures/picture-batches.ts';
import type { Engine } from '../../../../engine/engine.ts';
import type { Recorder } from '../../../../runs/recorder.ts';
import { fittingBatch } from '../../step-memory.ts';
import { type DummyTrigger, examine } from '../examine.ts';
import type { NamedForm } from '../forms.ts';
import type { InversionInput } from '../invert-trigger.ts';
import { patchTrigger } from './moving-patch.ts';
import { type Race, type RacePace, runRounds } from './race-rounds.ts';
import type { Runner } from './runners.ts';
import { byLikeness, finalists, finals, heats, picturesOf, teamsOf } from './teams.ts';

export interface RaceOptions extends RacePace {
  /** Side of a patch, as a share of the picture's side. */
  readonly window: number;
  /** Adam's learning rate on a patch's logits. */
  readonly patchRate: number;
  /** Both in the heats, which only have to say who might win: patches are larger there, and move faster. */
  readonly heatWindow: number;
  readonly heatRate: number;
}

/** Names the events of the heats; those of the finals have the form's own name. */
export const heatsStage = (name: string) => `invert-${name}-heats`;

/**
 * In the heats classes run in teams and with large patches, which find a backdoor soonest; in the finals the classes that
 * they came nearest to run for themselves, with patches of the size that is judged.
 *
 * @param suspects classes that a trigger of another form is known to lead to: then they alone run, in the finals
 */
export async function racePatches(
  engine: Engine,
  clip: Clip,
  { shots, head }: Pick<InversionInput, 'shots' | 'head'>,
  { name, form }: NamedForm<'patch'>,
  suspects: readonly number[],
  asked: RaceOptions,
  seed: number,
  recorder: Recorder,
): Promise<DummyTrigger> {
  const options = { ...asked, patchBatch: fittingBatch(clip, asked.patchBatch) };
  const classes = suspects.length > 0 ? suspects : byLikeness(head);
  const pictures = picturesOf(heats(classes.length, options)) + picturesOf(finals(classes.length, options));
  const winner = await withDecoders(shots, pictures, async (decoded) => {
    const race = { engine, clip, head, shots: decoded, pace: options, seed, recorder };
    const inHeats = {
      ...race,
      stage: heatsStage(name),
      window: options.heatWindow,
      rate: options.heatRate,
      toEdges: false,
    };
    const qualified = await qualify(inHeats, classes);
    const alone = qualified.map((label) => [label]);
    const inFinals = {
      ...race,
      stage: `invert-${name}`,
      window: options.window,
      rate: options.patchRate,
      toEdges: true,
    };
    const [first] = await runRounds(inFinals, finals(alone.length, options), alone);
    return first!;
  });
  return examine(engine, clip, { shots, head }, { name, form }, patchTrigger(winner.state), seed, recorder);
}

/** The classes that the heats' best patches came nearest to, the cheapest first; all where there are few. */
async function qualify(race: Race, classes: readonly number[]): Promise<readonly number[]> {
  const rounds = heats(classes.length, race.pace);
  if (rounds.length === 0) return classes;
  const arrived = await runRounds(race, rounds, teamsOf(classes));
  const isFirst = ({ nearest }: Runner, at: number) => arrived.findIndex((one) => one.nearest === nearest) === at;
  const qualified = arrived.filter(isFirst).slice(0, finalists);
  const told = qualified.map(({ nearest, cost }) => `${race.head.classes[nearest]} ${cost.toFixed(2)}`);
  race.recorder.record({ stage: `${race.stage}-result`, finalists: told.join(', ') });
  return qualified.map(({ nearest }) => nearest);
}
