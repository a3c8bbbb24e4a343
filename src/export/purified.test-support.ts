/** @file For tests: a purified model whose head does come from its prompts, without the minutes of purifying. */
import { mkdir } from 'node:fs/promises';
import { openClip } from '../checkpoints/open.ts';
import type { Clip } from '../clip/clip.ts';
import { storedParameters } from '../clip/parameters.ts';
import { tokenEmbedding } from '../clip/text-tower.ts';
import { zeroShotHead } from '../clip/zero-shot.ts';
import type { Purification } from '../defenses/cbpt/purify.ts';
import { headOf, promptFrame } from '../defenses/cbpt/tuning/frame.ts';
import { type Engine, withProgram } from '../engine/engine.ts';
import { slice } from '../graph/layout.ts';
import { constant } from '../graph/leaves.ts';
import { randomFor } from '../tensor/random.ts';
import { float32, type Tensor } from '../tensor/tensor.ts';
import { writePurified } from './purified.ts';

const prompt = 'a photo of a {}.';

/** Writes a purified model to `folder`: contexts are those of the prompt's words, moved a little and each class its way. */
export async function writeTinyPurified(
  engine: Engine,
  model: string,
  folder: string,
  classes: readonly string[],
): Promise<{ clip: Clip; purification: Purification }> {
  const clip = await openClip(model);
  const zeroShot = await zeroShotHead(engine, clip, classes, [prompt]);
  const frame = promptFrame(clip, classes, prompt);
  const words = slice(
    tokenEmbedding(storedParameters(clip.parameters), constant(frame.ids)),
    1,
    frame.contextAt,
    frame.contextAt + frame.contextLength,
  );
  const start = await withProgram(engine, { outputs: { words } }, (program) => program.run({}));
  const { data, shape } = start.words as Tensor<'float32'>;
  const random = randomFor(1, 'tiny-purified');
  const contexts = float32(
    data.map((value) => value + 0.003 * random.normal()),
    shape,
  );
  const head = await headOf(engine, clip, frame, contexts, zeroShot);
  const purification: Purification = {
    head,
    zeroShot,
    prompts: { contexts, ids: frame.ids, head },
    clean: float32([], [0, clip.config.embedding]),
    dummies: [],
    used: [],
  };
  await mkdir(folder, { recursive: true });
  await writePurified(folder, clip, purification, [prompt]);
  return { clip, purification };
}
