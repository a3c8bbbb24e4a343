/** @file `antidote inspect MODEL`: what a model is, and that it is complete, without running it. */
import { buildCommand } from '@stricli/core';
import type { ClipDescription } from '../../checkpoints/inspect.ts';
import { type CliContext, printResult } from '../context.ts';
import { type OutputFlags, outputFlags } from '../flags.ts';
import { modelParameter } from '../model.ts';

export const inspect = buildCommand<OutputFlags, [string], CliContext>({
  docs: {
    brief: 'Say what a model is, and whether its file is complete',
    fullDescription:
      'Reads the configuration and checks every weight: name, shape, no NaN and no infinity. Nothing is executed.\n' +
      'A usable model may still carry a backdoor: nothing in a file can tell.',
  },
  parameters: { flags: outputFlags, positional: { kind: 'tuple', parameters: [modelParameter] } },
  async func(flags, model) {
    const { openClip } = await import('../../checkpoints/open.ts');
    const { describeClip } = await import('../../checkpoints/inspect.ts');
    const description = { ...describeClip(await openClip(model)), verdict: 'usable' };
    printResult(this, flags, description, linesOf(description));
  },
});

function linesOf({
  model,
  format,
  image,
  text,
  embedding,
  activation,
  parameters,
  sha256,
  verdict,
}: Described): string[] {
  const layers = [image.layers].flat().join(', ');
  const patch = image.patch === null ? '' : `, patches of ${image.patch} px`;
  return [
    `${model}: ${verdict}`,
    `  format      ${format}`,
    `  image       ${image.kind}, width ${image.width}, layers ${layers}${patch}, ${image.resolution} px`,
    `  text        width ${text.width}, layers ${text.layers}, heads ${text.heads}, context ${text.context}, vocabulary ${text.vocabulary}`,
    `  embedding   ${embedding}`,
    `  activation  ${activation}`,
    `  parameters  ${parameters.toLocaleString('en')}`,
    `  sha256      ${sha256}`,
  ];
}

type Described = ClipDescription & { readonly verdict: string };
