/** @file Fits a purification into minutes, with fewer steps where all of them would take too long. */
import type { Clip } from '../../clip/clip.ts';
import { imageTower } from '../../clip/image-tower.ts';
import { storedParameters } from '../../clip/parameters.ts';
import type { Engine } from '../../engine/engine.ts';
import { withProgram } from '../../engine/with-program.ts';
import { badUsage } from '../../errors.ts';
import { arithmeticOf } from '../../graph/costs.ts';
import { input } from '../../graph/leaves.ts';
import { elements, float32 } from '../../tensor/tensor.ts';
import { plannedStages } from './plan.ts';
import type { CbptOptions } from './purify.ts';
import { stagesOn, totalArithmetic } from './stages.ts';

/** What a budget decides. */
export interface Fitted {
  readonly inversionSteps: number;
  readonly tuningSteps: number;
}

/** With fewer steps than this share of what was asked for, stages end before they have converged. */
const leastShare = 0.2;

/** Pictures are read, programs compiled, triggers applied: that is time without arithmetic. */
const arithmeticShare = 0.8;

/**
 * The most of `options` that fits.
 *
 * @param shots their number
 * @param speed multiplications and additions a second (`measuredSpeed`)
 * @throws badUsage if nothing fits, with the minutes that are needed
 */
export async function fitBudget(
  clip: Clip,
  classes: readonly string[],
  shots: number,
  options: CbptOptions,
  speed: number,
  minutes: number,
): Promise<Fitted> {
  const seconds = (arithmetic: number) => arithmetic / speed / arithmeticShare;
  const stages = await plannedStages(clip, classes, shots, options);
  // What will be found nobody knows: both courses have to fit.
  const courses = (['something is found', 'nothing is found'] as const).map((course) => {
    const taken = stagesOn(stages, course);
    const fixed = totalArithmetic(taken.filter((stage) => stage.fixed));
    return { fixed, steps: totalArithmetic(taken) - fixed };
  });
  const share = Math.min(1, ...courses.map(({ fixed, steps }) => (60 * minutes - seconds(fixed)) / seconds(steps)));
  if (share < leastShare) {
    const least = courses.map(({ fixed, steps }) => seconds(fixed + leastShare * steps) / 60);
    throw badUsage(
      '--budget',
      `${minutes} minutes`,
      `at least ${Math.ceil(Math.max(...least))} for ${classes.length} classes and ${shots} shots on this machine`,
      'give more time, or fewer --shots',
    );
  }
  return {
    inversionSteps: Math.ceil(share * options.inversion.steps),
    tuningSteps: Math.ceil(share * options.tuning.steps),
  };
}

/**
 * Steps of tuning once dummy triggers are inverted: as many as fit into what is left. The course that was taken may have
 * been shorter than the longest, and the machine slower than it seemed.
 *
 * @param speed as it is now
 * @param seconds that are left. Where they are too few, tuning takes the least that converges, and longer than that.
 */
export async function fitTuning(
  clip: Clip,
  classes: readonly string[],
  shots: number,
  options: CbptOptions,
  speed: number,
  seconds: number,
): Promise<number> {
  const stages = await plannedStages(clip, classes, shots, options);
  const needed = (stage: string) =>
    totalArithmetic(stages.filter(({ name }) => name === stage)) / speed / arithmeticShare;
  const share = (seconds - needed('views')) / needed('tune');
  return Math.ceil(Math.min(1, Math.max(leastShare, share)) * options.tuning.steps);
}

const probeBatch = 16;

/** How fast this engine is on this model's image tower, in multiplications and additions a second. Takes seconds. */
export async function measuredSpeed(engine: Engine, clip: Clip): Promise<number> {
  const { resolution } = clip.config.image;
  const shape = [probeBatch, 3, resolution, resolution];
  const embeddings = imageTower(clip.config, storedParameters(clip.parameters), input('pixels', shape));
  const graph = { outputs: { embeddings } };
  const pixels = float32(new Float32Array(elements(shape)).fill(0.5), shape);
  const median = await withProgram(engine, graph, async (program) => {
    // Memory is laid out in the first run.
    await program.run({ pixels });
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      const begun = performance.now();
      await program.run({ pixels });
      times.push(performance.now() - begun);
    }
    return times.sort((one, other) => one - other)[2]!;
  });
  return (1000 * arithmeticOf(graph)) / median;
}
