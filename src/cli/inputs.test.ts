import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openClip } from '../checkpoints/open.ts';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { noteAssumptions } from './inputs.ts';
import { createTerminal } from './terminal.ts';

const folder = temporaryFolder();
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
