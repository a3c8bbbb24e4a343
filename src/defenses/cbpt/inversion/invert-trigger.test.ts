import { expect, test } from 'vitest';
import { plainPrompt } from '../../../data/classes.ts';
import { unrecorded } from '../../../runs/recorder.ts';
import { temporaryFolder } from '../../../tensor/files/temporary-folder.test-support.ts';
import { seeShots } from '../../seen-shots.ts';
import { colouredShots, openedTinyClip } from '../../tiny-clip.test-support.ts';
import { searchDefaults } from './dummy-triggers.ts';
import type { DummyTrigger } from './examine.ts';
import { invertTrigger } from './invert-trigger.ts';

const tiny = openedTinyClip(temporaryFolder(), 60_000);

test('a dummy trigger moves pictures less towards an avoided class', async () => {
  const { engine, clip } = tiny;
  const defender = { engine, clip, shots: colouredShots(), seed: 1, recorder: unrecorded() };
  const { clean, crowd: head } = await seeShots(defender, [plainPrompt]);
  const options = { ...searchDefaults.inversion, steps: 40, batch: 12, sparsity: 0 };
  const inverted = (avoided: readonly number[]) =>
    invertTrigger(defender, { clean, head, avoided }, { name: 'sparse', form: 'sparse' }, options);
  const free = await inverted([]);
  const reached = head.classes.indexOf(free.dominant);
  const kept = await inverted([reached]);
  /** Mean cosine of the pictures with the text of that class. */
  const nearness = ({ embeddings: { data, shape } }: DummyTrigger) => {
    const text = head.embeddings.subarray(reached * head.embedding, (reached + 1) * head.embedding);
    return data.reduce((total, x, at) => total + x * text[at % head.embedding]!, 0) / shape[0]!;
  };
  // Random weights respond little to a pattern; if the avoided class had no effect, both would be equal to the last digit.
  expect(nearness(kept)).toBeLessThan(nearness(free) - 0.003);
}, 120_000);
