import { copyFile, rename, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openClip } from '../checkpoints/open.ts';
import { openDecoders } from '../clip/pictures/decode-threads.ts';
import { config, testFiles } from '../data/picture-files.test-support.ts';
import { createRun, PinnedInputError, recorderFor } from '../runs/run.ts';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { noteAssumptions, openPictures } from './inputs.ts';
import { createTerminal } from './terminal.ts';

const folder = temporaryFolder();
const files = testFiles();
const emojiClip = fileURLToPath(new URL('../../models/emoji-clip', import.meta.url));

async function notesAbout(model: string): Promise<string> {
  const written: string[] = [];
  const terminal = createTerminal({
    write: (text) => written.push(text),
    interactive: false,
    quiet: false,
    columns: () => 80,
    now: () => 0,
    every: () => () => {},
  });
  noteAssumptions(terminal, await openClip(model));
  return written.join('');
}

test('facts that nothing states are noted once, with the command that checks them', async () => {
  const bare = join(folder(), 'bare.safetensors');
  await copyFile(join(emojiClip, 'open_clip_model.safetensors'), bare);
  expect(await notesAbout(bare)).toBe(
    `${bare}: activation, heads, preprocessing assumed, not known; check by: antidote inspect ${bare}\n`,
  );
  expect(await notesAbout(emojiClip)).toBe('');
});

test('a picture that was hashed and is broken asks for a new run; one that cannot be read now may be back', async () => {
  const data = await files.folderOf('pictures', { 'dog/one.png': 7 });
  const run = await createRun(join(folder(), 'run'), { command: 'purify', options: {}, device: 'cpu', threads: 1 });
  const recorder = recorderFor(run, new AbortController().signal);
  const set = await openPictures({ run, recorder }, 'data', data, { classes: ['dog'], config });
  const decoders = openDecoders(1);

  await rename(data, `${data}-away`);
  for (const threads of [undefined, decoders]) {
    const error = await set.read([0], threads).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ message: expect.stringMatching(/one\.png: found no such file or folder/) });
    expect(error).not.toBeInstanceOf(PinnedInputError);
  }
  await rename(`${data}-away`, data);
  expect(await set.read([0], decoders)).toMatchObject({ shape: [1, 3, 8, 8] });
  const begun = await openPictures({ run, recorder }, 'data', data, { classes: ['dog'], config });
  await truncate(join(data, 'dog', 'one.png'), 60);
  for (const threads of [undefined, decoders]) {
    await expect(begun.read([0], threads)).rejects.toThrow(PinnedInputError);
  }
  // It was whole a moment ago.
  await expect(set.read([0])).rejects.not.toThrow(PinnedInputError);
  await decoders.close();
  await run.close();
});
