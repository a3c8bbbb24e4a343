/** @file `antidote embed MODEL`: pictures and texts to a safetensors file of embeddings. */
import { buildCommand } from '@stricli/core';
import { badUsage } from '../../errors.ts';
import { type CliContext, printResult, terminalFor, withEngine } from '../context.ts';
import { type EngineFlags, engineFlags, type OutputFlags, outputFlags } from '../flags.ts';
import { modelParameter } from '../model.ts';
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
      image: {
        kind: 'parsed',
        parse: String,
        variadic: true,
        optional: true,
        brief: 'A picture; may be given often',
        placeholder: 'file',
      },
      text: {
        kind: 'parsed',
        parse: String,
        variadic: true,
        optional: true,
        brief: 'A text; may be given often',
        placeholder: 'text',
      },
      out: { kind: 'parsed', parse: String, brief: 'The file to write', placeholder: 'file.safetensors' },
      ...engineFlags,
      ...outputFlags,
    },
    positional: { kind: 'tuple', parameters: [modelParameter] },
  },
  async func(flags, model) {
    const { image = [], text = [], out } = flags;
    if (image.length + text.length === 0) throw badUsage('--image, --text', 'neither', 'a picture or a text');
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
      const telling = (stage: string, { length: steps }: readonly string[]) => ({
        progress: (step: number) => report({ stage, step, steps }),
        signal,
      });
      return withEngine(flags, async (engine) => ({
        text_embeds: await encodeTexts(engine, clip, text, {
          length: 'raw',
          overlong: 'truncate',
          ...telling('texts', text),
        }),
        image_embeds: await encodePictures(engine, clip, pictures, { length: 'raw', ...telling('pictures', image) }),
      }));
    });
    await writeSafetensors(out, embeddings, { model: clip.name, sha256: clip.sha256 });
    const result = { out, images: image.length, texts: text.length, embedding: clip.config.embedding };
    printResult(this, flags, result, [
      `${out}: ${image.length} pictures and ${text.length} texts, ${result.embedding} numbers each`,
    ]);
  },
});
