/** @file `antidote export RUN --out DIR`: writes a purified head in formats of other programs. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buildCommand } from '@stricli/core';
import { type ExportFormat, exportFormats } from '../../export/formats.ts';
import { type CliContext, printResult, terminalFor } from '../context.ts';
import { type OutputFlags, outputFlags, textArgument } from '../flags.ts';
import { shown } from '../terminal.ts';

interface Flags extends OutputFlags {
  readonly out: string;
  readonly format?: readonly ExportFormat[];
  readonly bundle: boolean;
}

export const exportCommand = buildCommand<Flags, [string], CliContext>({
  docs: {
    brief: 'Write a purified head for open_clip, transformers, ONNX Runtime, browsers or CoOp',
    fullDescription:
      'Makes a folder with a README.md that shows how to use it. Formats, several if --format is given often:\n' +
      '  text-embeds  text_embeds.safetensors: class embeddings for open_clip and transformers (the default)\n' +
      "  coop         coop.safetensors: learned contexts and token ids, as CoOp's prompt learner keeps them\n" +
      '  onnx         onnx/model.onnx: pictures to logits, for transformers.js, ONNX Runtime and createClassifier\n' +
      'The base model is referred to by its hash; onnx contains its image encoder, --bundle all of it.',
  },
  parameters: {
    flags: {
      out: { kind: 'parsed', parse: String, brief: 'The folder to make', placeholder: 'dir' },
      format: {
        kind: 'enum',
        values: exportFormats,
        variadic: true,
        optional: true,
        brief: 'What to write; may be given often (default: text-embeds)',
      },
      bundle: { kind: 'boolean', brief: 'Copy the base model too: the folder is then enough', default: false },
      ...outputFlags,
    },
    positional: {
      kind: 'tuple',
      parameters: [textArgument('run', 'The directory of a purified run')],
    },
  },
  async func(flags, run) {
    const { exportRun } = await import('../../export/export-run.ts');
    const { exportFile } = await import('../../export/manifest.ts');
    const { out, format: formats = ['text-embeds'], bundle } = flags;
    const { stopSignal } = this;
    const manifest = await shown(terminalFor(this, flags), (report) =>
      exportRun(run, out, {
        formats,
        bundle,
        report,
        // Read once the model is open: until then Ctrl-C simply ends, because a download can resume.
        get signal() {
          return stopSignal();
        },
      }),
    );
    const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
    const { files, model, classes } = manifest;
    const result = { out, formats, bundle, model, classes: classes.length, files, bytes };
    const { size } = await stat(join(out, exportFile));
    const listed = [...files, { path: exportFile, purpose: 'what this folder is, and the hash of each of its files' }];
    const width = Math.max(...listed.map(({ path }) => path.length));
    printResult(this, flags, result, [
      `${out}: ${listed.length} files, ${(bytes + size).toLocaleString('en')} bytes`,
      ...listed.map(({ path, purpose }) => `  ${path.padEnd(width)}  ${purpose}`),
    ]);
  },
});
