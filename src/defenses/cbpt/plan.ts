/** @file What a purification is going to do and what each part costs: for the time left, and for fitting it into a budget. */
import type { Clip } from '../../clip/clip.ts';
import { arithmeticOf, memoryOf } from '../../graph/costs.ts';
import { input } from '../../graph/leaves.ts';
import { type Form, named } from './inversion/forms.ts';
import { sampledPictures } from './inversion/sampled-waves.ts';
import { picturesOf, raceRounds } from './inversion/teams.ts';
import { enoughToJudge, mostTriggered } from './inversion/triggered-shots.ts';
import type { CbptOptions } from './purify.ts';
import { fittingBatch, pictureGradient, stepMemory } from './step-memory.ts';
import { classEmbeddings, promptFrame } from './tuning/frame.ts';
import { type TuningStep, wholeStep } from './tuning/tuning-step.ts';

/** A part of the work, under the name of its events. */
export interface PlannedStage {
  readonly name: string;
  /** Multiplications and additions. */
  readonly arithmetic: number;
}

/** The stages of `purify` in their order, as if all dummy triggers were used. */
export function plannedStages(
  clip: Clip,
  classes: readonly string[],
  shots: number,
  { forms, inversion, tuning, templates, prompt }: Omit<CbptOptions, 'belief' | 'seed'>,
): readonly PlannedStage[] {
  const { outputs } = pictureGradient(clip);
  const encoding = arithmeticOf({ outputs: { embedding: outputs.embedding! } });
  const triggered = Math.min(shots, mostTriggered);
  const judging = Math.min(shots, enoughToJudge);
  const gradient = arithmeticOf({ outputs });
  const batch = fittingBatch(clip, inversion.batch);
  const finding: Record<Form, number> = {
    additive: inversion.steps * batch * gradient,
    sparse: inversion.steps * batch * gradient,
    patch: picturesOf(raceRounds(classes.length, { ...inversion, batch })) * gradient,
    waves: sampledPictures * encoding,
  };
  const inStep = (most: number) => Math.min(most, tuning.batch);
  const rows = { batch: inStep(shots), triggered: forms.map(() => ({ rows: inStep(triggered), target: 0 })) };
  const step = tuningArithmetic(clip, classes, rows, prompt);
  return [
    { name: 'prompts', arithmetic: templates.length * step.embeddings },
    { name: 'features', arithmetic: shots * encoding },
    ...named(forms).flatMap((one) => [
      { name: `invert-${one.name}`, arithmetic: finding[one.form] },
      { name: `invert-${one.name}-features`, arithmetic: judging * encoding },
      ...(triggered > judging
        ? [{ name: `invert-${one.name}-more-features`, arithmetic: (triggered - judging) * encoding }]
        : []),
    ]),
    { name: 'tune', arithmetic: tuning.steps * step.all },
  ];
}

/** One step of tuning, and of that the class embeddings forwards. */
function tuningArithmetic(
  clip: Clip,
  classes: readonly string[],
  rows: Pick<TuningStep, 'batch' | 'triggered'>,
  prompt: string,
): { readonly embeddings: number; readonly all: number } {
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
  const forward = classEmbeddings(clip, frame, input('contexts', contexts));
  const once = arithmeticOf({ outputs: { forward } });
  // Classes that take turns are embedded a second time.
  return { embeddings: once, all: arithmeticOf(whole) + (memoryOf(whole) <= stepMemory ? 0 : once) };
}
