/** @file Fits a purification into a number of minutes, with fewer steps of tuning where all of them take too long. */
import type { Clip } from '../../clip/clip.ts';
import { imageTower } from '../../clip/image-tower.ts';
import { storedParameters } from '../../clip/parameters.ts';
import { type Engine, withProgram } from '../../engine/engine.ts';
import { badUsage } from '../../errors.ts';
import { arithmeticOf } from '../../graph/costs.ts';
import { input } from '../../graph/leaves.ts';
import { elements, float32 } from '../../tensor/tensor.ts';
import { longestArithmetic, type PlannedStage, totalArithmetic, tuningStage, withTuning } from './stages.ts';

/** With this share of the steps of tuning, backdoors are closed and accuracy is about unchanged; with a smaller one it drops. */
export const leastTuning = 0.125;

/** Share of the time that is arithmetic; the rest reads pictures, compiles programs and applies triggers. */
const arithmeticShare = 0.8;

/**
 * The share of the steps of tuning with which the purification fits, in (0, 1]. Inversion keeps all its steps: with fewer,
 * it misses backdoors (docs/performance.md, "Fewer steps").
 *
 * @param stages with all steps
 * @param speed multiplications and additions a second (`measuredSpeed`)
 * @param spent minutes that have passed already
 * @throws badUsage if not even the smallest share fits, with the minutes that are needed
 */
export function fitBudget(stages: readonly PlannedStage[], speed: number, minutes: number, spent: number): number {
  // The findings are not known yet, so the longest course has to fit.
  const needed = (share: number) => spent + secondsOf(longestArithmetic(withTuning(stages, share)), speed) / 60;
  const share = (minutes - needed(0)) / (needed(1) - needed(0));
  if (share < leastTuning) {
    throw badUsage(
      '--budget',
      `${minutes} minutes`,
      `at least ${Math.ceil(needed(leastTuning))} for this model, these classes and so many shots on this machine`,
      'give more time, or fewer --shots',
    );
  }
  return Math.min(1, share);
}

/**
 * The same once dummy triggers are inverted: as much as fits into the time left. The course may have been shorter than the
 * longest, and the machine slower than measured at first.
 *
 * @param speed the current speed
 * @param seconds the time left
 * @returns the share, at most 1; below {@link leastTuning} tuning would be of little use
 */
export function fitTuning(stages: readonly PlannedStage[], speed: number, seconds: number): number {
  const needed = (stage: string) => secondsOf(totalArithmetic(stages.filter(({ name }) => name === stage)), speed);
  return Math.min(1, (seconds - needed('views')) / needed(tuningStage));
}

/** Seconds for this much arithmetic and the other work that comes with it; speed in multiplications and additions a second. */
export const secondsOf = (arithmetic: number, speed: number) => arithmetic / speed / arithmeticShare;

const probeBatch = 16;

/** Speed of this engine on this model's image tower, in multiplications and additions a second. Takes seconds. */
export async function measuredSpeed(engine: Engine, clip: Clip): Promise<number> {
  const { resolution } = clip.config.image;
  const shape = [probeBatch, 3, resolution, resolution];
  const embeddings = imageTower(clip.config, storedParameters(clip.parameters), input('pixels', shape));
  const graph = { outputs: { embeddings } };
  const pixels = float32(new Float32Array(elements(shape)).fill(0.5), shape);
  const median = await withProgram(engine, graph, async (program) => {
    // The first run allocates memory.
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
