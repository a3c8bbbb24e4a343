/** @file `antidote inspect MODEL`: describes a model, and checks that it is complete and read right. */
import { buildCommand } from '@stricli/core';
import type { ClipDescription } from '../../checkpoints/inspect.ts';
import { facts } from '../../clip/clip.ts';
import type { ReadingCheck } from '../../evaluation/reading-check.ts';
import { type CliContext, printResult, terminalFor, withEngine } from '../context.ts';
import { type EngineFlags, engineFlags, type OutputFlags, outputFlags } from '../flags.ts';
import { modelArgument } from '../task-flags.ts';
import { shown } from '../terminal.ts';

export const inspect = buildCommand<OutputFlags & EngineFlags, [string], CliContext>({
  docs: {
    brief: 'Say what a model is, whether its file is complete, and whether it is read right',
    fullDescription:
      'Reads the configuration, or the shapes of the weights where there is none, and checks every weight: name, shape,\n' +
      'no NaN and no infinity. No code in the file runs. Then the model has to name forty everyday things, as it is read\n' +
      'and under the other activation. The verdict is "reads right", "suspicious" or "cannot tell", with reasons.\n' +
      'A model that reads right may still carry a backdoor: nothing in a file can tell.',
  },
  parameters: {
    flags: { ...engineFlags, ...outputFlags },
    positional: { kind: 'tuple', parameters: [modelArgument] },
  },
  async func(flags, model) {
    const { openClip } = await import('../../checkpoints/open.ts');
    const { describeClip } = await import('../../checkpoints/inspect.ts');
    const { checkReading } = await import('../../evaluation/reading-check.ts');
    const terminal = terminalFor(this, flags);
    const clip = await shown(terminal, (report) => openClip(model, report));
    const signal = this.stopSignal();
    const check = await shown(terminal, (report) => {
      const progress = (step: number, steps: number) => report({ stage: 'readings', step, steps });
      return withEngine(flags, (engine) => checkReading(engine, clip, { progress, signal }));
    });
    const { verdict, ...rest } = check;
    const inspection = { ...describeClip(clip), verdict, check: rest };
    printResult(this, flags, inspection, linesOf(inspection, check));
  },
});

function linesOf(description: ClipDescription, check: ReadingCheck): string[] {
  const { model, format, image, text, embedding, activation, preprocessing, parameters, sha256, reading } = description;
  const layers = [image.layers].flat().join(', ');
  const patch = image.patch === null ? '' : `, patches of ${image.patch} px`;
  const types = Object.entries(reading.dtypes).map(([type, count]) => `${count} ${type}`);
  const known = reading.known === null ? '' : ` (the shapes of ${reading.known})`;
  const hub = reading.hub === null ? [] : [`  from        ${reading.hub.repository}, commit ${reading.hub.commit}`];
  return [
    `${model}: ${check.verdict}`,
    ...check.reasons.map((reason) => `  ${reason}`),
    ...adviceOn(check, reading.origins.activation.from),
    ...hub,
    `  format      ${format}, ${reading.container}, names of ${reading.layout}, ${reading.bytes.toLocaleString('en')} bytes`,
    `  image       ${image.kind}, width ${image.width}, layers ${layers}, heads ${image.heads}${patch}, ${image.resolution} px`,
    `  text        width ${text.width}, layers ${text.layers}, heads ${text.heads}, context ${text.context}, vocabulary ${text.vocabulary}`,
    `  embedding   ${embedding}${known}`,
    `  activation  ${activation}`,
    `  pictures    ${preprocessing.resize}, ${preprocessing.interpolation}, ${preprocessing.centre}'s centre, mean ${preprocessing.mean.join(' ')}, std ${preprocessing.std.join(' ')}`,
    `  parameters  ${parameters.toLocaleString('en')}; tensors: ${types.join(', ')}`,
    ...(reading.prefixes.length > 0 ? [`  prefixes    ${reading.prefixes.join(', ')}`] : []),
    ...(reading.ignored.length > 0 ? [`  left aside  ${shortened(reading.ignored)}`] : []),
    `  sha256      ${sha256}`,
    '  where this is from:',
    ...facts.map((fact) => {
      const { from, note } = reading.origins[fact];
      return `    ${fact.padEnd(13)} ${from}: ${note}`;
    }),
  ];
}

/** How to correct the configuration where the check found a better reading. */
function adviceOn({ better, tried }: ReadingCheck, activationFrom: string): string[] {
  if (better === null) return [];
  const place =
    activationFrom === 'config'
      ? 'change it in the configuration'
      : 'say so in an open_clip configuration beside the file, under its name with .json at its end';
  const key =
    better.activation === tried[0]?.activation
      ? '"mean" and "std"'
      : `"quick_gelu": ${better.activation === 'quick-gelu'} (or "hidden_act")`;
  return [`  if that is what the model was trained with, ${place}: ${key}`];
}

function shortened(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}
