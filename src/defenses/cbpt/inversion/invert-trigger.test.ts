import { expect, test } from 'vitest';
import { plainPrompt } from '../../../data/classes.ts';
import { unrecorded } from '../../../runs/unrecorded.ts';
import { temporaryFolder } from '../../../tensor/files/temporary-folder.test-support.ts';
import { colouredShots, openedTinyClip } from '../../tiny-clip.test-support.ts';
import { cbptDefaults } from '../purify.ts';
import { seeShots } from '../seen-shots.ts';
import type { DummyTrigger } from './examine.ts';
import { invertTrigger } from './invert-trigger.ts';

const tiny = openedTinyClip(temporaryFolder(), 60_000);

test('pictures are kept away from a class that is to be avoided', async () => {
  const { engine, clip } = tiny;
  const shots = colouredShots();
  const recorder = unrecorded();
  const { clean, crowd: head } = await seeShots(engine, clip, shots, [plainPrompt], recorder);
  const options = { ...cbptDefaults.inversion, steps: 40, batch: 12, sparsity: 0 };
  const inverted = (avoided: readonly number[]) =>
    invertTrigger(
      engine,
      clip,
      { shots, clean, head, avoided },
      { name: 'sparse', form: 'sparse' },
      options,
      1,
      recorder,
    );
  const free = await inverted([]);
  const reached = head.classes.indexOf(free.dominant);
  const kept = await inverted([reached]);
  /** Mean cosine of the pictures with the text of that class. */
  const nearness = ({ embeddings: { data, shape } }: DummyTrigger) => {
    const text = head.embeddings.subarray(reached * head.embedding, (reached + 1) * head.embedding);
    return data.reduce((total, x, at) => total + x * text[at % head.embedding]!, 0) / shape[0]!;
  };
  // Random weights see little of a pattern; without a word of the class the two would be the same to the last digit.
  expect(nearness(kept)).toBeLessThan(nearness(free) - 0.003);
}, 120_000);
