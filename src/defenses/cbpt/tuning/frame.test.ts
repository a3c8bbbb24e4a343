import { expect, test } from 'vitest';
import { openClip } from '../../../checkpoints/open.ts';
import { plannedStages } from '../plan.ts';
import { cbptDefaults } from '../purify.ts';
import { promptFrame } from './frame.ts';

const classes = ['cat', 'dog'];

test('the words before the name are the context, however many they are', async () => {
  const clip = await openClip('emoji-clip');
  expect(promptFrame(clip, classes, 'a photo of a {}.')).toMatchObject({ contextAt: 1, contextLength: 4 });
  expect(promptFrame(clip, classes, 'the {}')).toMatchObject({ contextAt: 1, contextLength: 1 });
});

test.each(['{}', '{} in a photo.', '  {}'])(
  'the prompt "%s" has nothing to learn: it is refused when work is planned, with what to do',
  async (prompt) => {
    const clip = await openClip('emoji-clip');
    const planning = () => plannedStages(clip, classes, 8, { ...cbptDefaults, prompt });
    await expect(planning).rejects.toThrow(
      `--classes: found the prompt "${prompt}", expected words before {}, as in "a photo of a`,
    );
    await expect(planning).rejects.toThrow('give the list a "prompt" that has some');
  },
);

test('a name that makes one word with what is before it is refused: it would be learned away', async () => {
  const clip = await openClip('emoji-clip');
  const framed = () => promptFrame(clip, ['flower'], 'sun{}');
  expect(framed).toThrow('the model reads "flower" and what is before it as one word');
  expect(framed).toThrow('put a space before {}');
});
