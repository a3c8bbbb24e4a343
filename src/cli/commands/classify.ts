/** @file `antidote classify MODEL IMAGE...`: what pictures show, best classes first. */
import { buildCommand } from '@stricli/core';
import { badUsage } from '../../errors.ts';
import { type CliContext, printResult, terminalFor, withEngine } from '../context.ts';
import { type EngineFlags, engineFlags, type OutputFlags, outputFlags, textArgument, wholeNumber } from '../flags.ts';
import { classesFlag, classesFor, classesOfItsOwn, modelOrRunArgument } from '../task-flags.ts';
import { shown } from '../terminal.ts';

interface Flags extends OutputFlags, EngineFlags {
  readonly classes?: string;
  readonly top: number;
}

export const classify = buildCommand<Flags, [string, ...string[]], CliContext>({
  docs: {
    brief: 'Classify pictures with a model or a purified run',
    fullDescription: 'A purified run brings its own class list; a plain model takes that of --classes.',
    // The generated usage line would give all arguments the same name.
    customUsage: ['<model|run> <image>...'],
  },
  parameters: {
    flags: {
      classes: classesFlag,
      top: {
        kind: 'parsed',
        parse: wholeNumber(1, 1000),
        brief: 'Classes to show per picture',
        default: '5',
        placeholder: 'n',
      },
      ...engineFlags,
      ...outputFlags,
    },
    positional: {
      kind: 'array',
      parameter: textArgument('model|run image', `${modelOrRunArgument.brief}; then pictures`),
      minimum: 1,
    },
  },
  async func(flags, model, ...images) {
    if (images.length === 0) throw badUsage('image', 'nothing', `a picture after ${model}`);
    const { openClassifier } = await import('../../export/run-classifier.ts');
    const { openPurified } = await import('../../export/purified.ts');
    const { openClasses } = await import('../../data/classes.ts');
    if (flags.classes !== undefined && (await openPurified(model))) throw classesOfItsOwn(flags.classes);
    const result = await withEngine(flags, async (engine) => {
      const classifier = await shown(terminalFor(this, flags), (report) =>
        openClassifier(engine, model, () => openClasses(classesFor(model, flags.classes)), report),
      );
      return classifier.classify(images, flags.top);
    });
    const lines = result.flatMap(({ image, predictions }) => [
      image,
      ...predictions.map(({ label, probability }) => `  ${(100 * probability).toFixed(1).padStart(5)} %  ${label}`),
    ]);
    printResult(this, flags, result, lines);
  },
});
