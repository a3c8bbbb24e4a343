/** @file The stages of a purification and their cost: for the time left, and to fit the work into a budget. */
import type { Clip } from '../../clip/clip.ts';
import { textArithmetic } from '../../clip/encode-texts.ts';
import { promptsOf } from '../../clip/zero-shot.ts';
import { arithmeticOf, memoryOf } from '../../graph/costs.ts';
import { input } from '../../graph/leaves.ts';
import { crowdOf } from '../crowd.ts';
import { furtherViews } from '../views.ts';
import { areFew, type Form, formFacts, type InvertedForm, type NamedForm, named, stepsOf } from './inversion/forms.ts';
import { aloneName, heatsStage } from './inversion/race/patch-race.ts';
import { finals, heats, picturesOf, type Round } from './inversion/race/teams.ts';
import { sampledPictures } from './inversion/sampled-waves.ts';
import { enoughToJudge, mostTriggered } from './inversion/triggered-shots.ts';
import type { CbptOptions } from './purify.ts';
import { type PlannedStage, tuningStage } from './stages.ts';
import { fittingBatch, pictureGradient, wholeStepMemory } from './step-memory.ts';
import { classEmbeddings, promptFrame } from './tuning/frame.ts';
import { type TuningStep, wholeStep } from './tuning/tuning-step.ts';

/** All stages of `purify` in their order. */
export async function plannedStages(
  clip: Clip,
  classes: readonly string[],
  shots: number,
  options: Omit<CbptOptions, 'belief' | 'seed'>,
): Promise<readonly PlannedStage[]> {
  const { forms, tuning, prompt } = options;
  const costs = pictureCosts(clip);
  const triggered = Math.min(shots, mostTriggered);
  const views = furtherViews(shots, options.views) * shots;
  const inStep = (most: number) => Math.min(most, tuning.batch);
  const rows = {
    batch: inStep(shots + views),
    triggered: forms.map(() => ({ rows: inStep(triggered), target: 0 })),
  };
  const tuned = tuning.steps * tuningArithmetic(clip, classes, rows, prompt);
  return [
    ...(await inversionStages(clip, classes, shots, options, costs)),
    ...(views > 0 ? [{ name: 'views', arithmetic: views * costs.encoding }] : []),
    { name: tuningStage, arithmetic: tuned },
  ];
}

/** The stages of stage 1, which are also those of `scan`. */
export async function inversionStages(
  clip: Clip,
  classes: readonly string[],
  shots: number,
  { forms, inversion, templates }: Pick<CbptOptions, 'forms' | 'inversion' | 'templates'>,
  { encoding, gradient } = pictureCosts(clip),
): Promise<readonly PlannedStage[]> {
  const crowd = await crowdOf(clip, classes, templates);
  const triggered = Math.min(shots, mostTriggered);
  const judging = Math.min(shots, enoughToJudge);
  const batch = fittingBatch(clip, inversion.batch);
  const inverted = (form: InvertedForm) => stepsOf(form, inversion.steps) * batch * gradient;
  const pace = { ...inversion, patchBatch: fittingBatch(clip, inversion.patchBatch) };
  const race = (rounds: readonly Round[]) => picturesOf(rounds) * gradient;
  const heat = race(heats(crowd.length, pace));
  const finding: Record<Form, number> = {
    additive: inverted('additive'),
    sparse: inverted('sparse'),
    blend: inverted('blend'),
    elsewhere: inverted('elsewhere'),
    patch: race(finals(crowd.length, pace)),
    waves: sampledPictures * encoding,
  };
  return [
    { name: 'prompts', arithmetic: textArithmetic(clip, promptsOf(crowd, templates)) },
    { name: 'features', arithmetic: shots * encoding },
    ...named(forms).flatMap((one) => {
      const stage = `invert-${one.name}`;
      const isJudged = (found: string) => ({ name: `${found}-features`, arithmetic: judging * encoding });
      const hasHeats = one.form === 'patch' && heat > 0;
      const alone = `invert-${aloneName(one.name)}`;
      const runsAlone = [{ name: alone, arithmetic: race(finals(1, pace)) }, isJudged(alone)];
      const stages: PlannedStage[] = [
        ...(hasHeats ? [{ name: heatsStage(one.name), arithmetic: heat, ...whenNothing }] : []),
        { name: stage, arithmetic: finding[one.form], ...onlyIf(one) },
        { ...isJudged(stage), ...onlyIf(one) },
        ...(hasHeats && areFew(shots) ? runsAlone.map((part) => ({ ...part, ...whenNothing })) : []),
      ];
      if (triggered === judging) return stages;
      const more = { name: `${stage}-more-features`, arithmetic: (triggered - judging) * encoding };
      return [...stages, { ...more, ...(isLastResort(one.form) ? whenNothing : whenFound) }];
    }),
  ];
}

/** Encoding this many test pictures, with or without a trigger. */
export const measuringStage = (clip: Clip, pictures: number): PlannedStage => ({
  name: 'evaluate',
  arithmetic: pictures * pictureCosts(clip).encoding,
});

/** Cost of one picture through the image tower, forwards only and with the gradient. */
function pictureCosts(clip: Clip) {
  const { outputs } = pictureGradient(clip);
  return {
    encoding: arithmeticOf({ outputs: { embedding: outputs.embedding! } }),
    gradient: arithmeticOf({ outputs }),
  };
}

const whenFound = { onlyIf: 'something is found' } as const;
const whenNothing = { onlyIf: 'nothing is found' } as const;

const isLastResort = (form: Form) => formFacts[form].sought === 'as a last resort';

/** The course in which a form is sought. Further backdoors are sought on every course: one may be found late. */
function onlyIf({ name, form }: NamedForm): Pick<PlannedStage, 'onlyIf'> {
  if (isLastResort(form)) return whenNothing;
  return name === form ? {} : whenFound;
}

/** One step of tuning. */
function tuningArithmetic(
  clip: Clip,
  classes: readonly string[],
  rows: Pick<TuningStep, 'batch' | 'triggered'>,
  prompt: string,
): number {
  const frame = promptFrame(clip, classes, prompt);
  const { embedding, text } = clip.config;
  const contexts = [classes.length, frame.contextLength, text.width];
  const embeddings = new Float32Array(classes.length * embedding);
  const step: TuningStep = {
    clip,
    frame,
    contexts,
    handWritten: { classes, embedding, scale: 1, embeddings },
    ...rows,
    weights: { cleanWeight: 1, triggeredWeight: 1, anchorWeight: 1, margin: 0 },
  };
  const whole = wholeStep(step);
  if (memoryOf(whole) <= wholeStepMemory) return arithmeticOf(whole);
  // Classes in chunks are embedded twice.
  const forward = classEmbeddings(clip, frame, input('contexts', contexts));
  return arithmeticOf(whole) + arithmeticOf({ outputs: { forward } });
}
