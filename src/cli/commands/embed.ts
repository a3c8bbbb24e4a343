/** @file `antidote embed MODEL`: writes embeddings of pictures and texts to a safetensors file. */
import { constants, existsSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import { buildCommand } from '@stricli/core';
import { badUsage } from '../../errors.ts';
import { explainingFile } from '../../tensor/files/file-problem.ts';
import { type CliContext, printResult, terminalFor, withEngine } from '../context.ts';
import { counted } from '../counted.ts';
import { type EngineFlags, engineFlags, type OutputFlags, outputFlags, textFlag } from '../flags.ts';
import { modelArgument } from '../task-flags.ts';
import { shown } from '../terminal.ts';

interface Flags extends OutputFlags, EngineFlags {
  readonly image?: readonly string[];
  readonly text?: readonly string[];
  readonly out: string;
}

export const embed = buildCommand<Flags, [string], CliContext>({
  docs: {
    brief: 'Write the embeddings of pictures and texts to a file',
    fullDescription:
      'Writes image_embeds [n, E] and text_embeds [m, E] to a safetensors file: raw projections, not normalised, in\n' +
      'the order given.',
  },
  parameters: {
    flags: {
      image: { ...textFlag('file', 'A picture; may be given often'), variadic: true },
      text: { ...textFlag('text', 'A text; may be given often'), variadic: true },
      out: { kind: 'parsed', parse: String, brief: 'The file to make', placeholder: 'file.safetensors' },
      ...engineFlags,
      ...outputFlags,
    },
    positional: { kind: 'tuple', parameters: [modelArgument] },
  },
  async func(flags, model) {
    const { image = [], text = [], out } = flags;
    if (image.length + text.length === 0) throw badUsage('--image, --text', 'neither', 'a picture or a text');
    await checkFree(out);
    const { openClip } = await import('../../checkpoints/open.ts');
    const { encodePictures } = await import('../../clip/encode-pictures.ts');
    const { encodeTexts } = await import('../../clip/encode-texts.ts');
    const { picturesOfFiles, unlabelled } = await import('../../data/listings/image-files.ts');
    const { writeSafetensors } = await import('../../tensor/safetensors.ts');

    const terminal = terminalFor(this, flags);
    const clip = await shown(terminal, (report) => openClip(model, report));
    const signal = this.stopSignal();
    const pictures = await picturesOfFiles(unlabelled(image), clip.config);
    const embeddings = await shown(terminal, (report) => {
      const reporting = (stage: string, { length: steps }: readonly string[]) => ({
        progress: (step: number) => report({ stage, step, steps }),
        signal,
      });
      return withEngine(flags, async (engine) => ({
        text_embeds: await encodeTexts(engine, clip, text, {
          length: 'raw',
          overlong: 'truncate',
          ...reporting('texts', text),
        }),
        image_embeds: await encodePictures(engine, clip, pictures, { length: 'raw', ...reporting('pictures', image) }),
      }));
    });
    await writeSafetensors(out, embeddings, { model: clip.name, sha256: clip.sha256 });
    const result = { out, images: image.length, texts: text.length, embedding: clip.config.embedding };
    printResult(this, flags, result, [
      `${out}: ${counted(image.length, 'picture')} and ${counted(text.length, 'text')}, ${result.embedding} numbers each`,
    ]);
  },
});

/** Refuses a file that exists, and a folder that cannot take a new one, before anything is computed. */
async function checkFree(out: string): Promise<void> {
  if (existsSync(out)) throw badUsage(out, 'a file that exists', 'a new file', 'choose another name, or remove it');
  const folder = dirname(out);
  await explainingFile(folder, () => access(folder, constants.W_OK));
}
