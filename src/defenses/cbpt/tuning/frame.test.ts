import { expect, test } from 'vitest';
import { openClip } from '../../../checkpoints/open.ts';
import { plannedStages } from '../plan.ts';
import { cbptDefaults } from '../purify.ts';
import { promptFrame } from './frame.ts';

const classes = ['cat', 'dog'];

test('all words before the name are the context', async () => {
  const clip = await openClip('emoji-clip');
  expect(promptFrame(clip, classes, 'a photo of a {}.')).toMatchObject({ contextAt: 1, contextLength: 4 });
  expect(promptFrame(clip, classes, 'the {}')).toMatchObject({ contextAt: 1, contextLength: 1 });
});

test.each(['{}', '{} in a photo.', '  {}'])(
  'the prompt "%s" has no context: it is refused when work is planned, with advice',
  async (prompt) => {
    const clip = await openClip('emoji-clip');
    const planning = () => plannedStages(clip, classes, 8, { ...cbptDefaults, prompt });
    await expect(planning).rejects.toThrow(
      `--classes: found the prompt "${prompt}", expected words before {}, as in "a photo of a`,
    );
    await expect(planning).rejects.toThrow('give the list a "prompt" that has some');
  },
);

test('a prompt in which a token spans context and name is refused: tuning would change the name', async () => {
  const clip = await openClip('emoji-clip');
  const framed = () => promptFrame(clip, ['flower'], 'sun{}');
  expect(framed).toThrow('the model reads "flower" and what is before it as one word');
  expect(framed).toThrow('put a space before {}');
});
