/** @file Arguments and flags for the model, its task and its threat. */
import { existsSync } from 'node:fs';
import type { CommandContext, FlagParametersForType } from '@stricli/core';
import { builtInModels } from '../checkpoints/built-in.ts';
import { noSuchModel } from '../checkpoints/find-model.ts';
import { type AntidoteError, badUsage } from '../errors.ts';
import { textArgument, textFlag, wholeNumber } from './flags.ts';

/** The MODEL argument, which most commands take first. */
export const modelArgument = textArgument(
  'model',
  'A model folder or file, hf:org/name@revision, or a built-in such as emoji-clip:badnet',
);

/** For commands that take the run directory of a purification as well. */
export const modelOrRunArgument = textArgument('model|run', 'A model, or the run directory of a purification');

export interface TaskFlags {
  readonly data?: string;
  readonly classes?: string;
}

export const classesFlag = textFlag(
  'list',
  'Class names: a file, imagenet, emoji, few-things, things-but-target, things (built-ins: things)',
);

/** @param ofBuiltInModels default pictures of built-in models (`taskFor`, `dataFor`) */
export function taskFlags(
  ofBuiltInModels: 'emoji:train' | 'emoji:test',
): FlagParametersForType<TaskFlags, CommandContext> {
  const other = ofBuiltInModels === 'emoji:train' ? 'emoji:test' : 'emoji:train';
  return {
    data: textFlag(
      'data',
      `Labelled pictures: a folder, CSV or CoOp split, ${other}, ${ofBuiltInModels} (built-ins: ${ofBuiltInModels})`,
    ),
    classes: classesFlag,
  };
}

/** Pictures and classes that a command runs a model on. */
export interface Task {
  readonly data: string;
  readonly classes: string;
}

/**
 * The task of the flags; for a built-in model, the emoji that it was trained on are the default. For any other model a
 * default would silently measure classes that do not interest its user.
 */
export function taskFor(model: string, { data, classes }: TaskFlags): Task {
  return { data: dataFor(model, data, 'emoji:train'), classes: classesFor(model, classes) };
}

export function dataFor(model: string, data: string | undefined, ofBuiltInModels: string): string {
  return data ?? ofBuiltIn(model, ofBuiltInModels, '--data', 'labelled pictures of the classes');
}

export function classesFor(model: string, classes: string | undefined): string {
  return classes ?? ofBuiltIn(model, 'things', '--classes', 'the names of the classes, a line each in a file');
}

function ofBuiltIn(model: string, value: string, flag: string, expected: string): string {
  if (builtInModels.includes(model)) return value;
  if (!model.startsWith('hf:') && !existsSync(model)) throw noSuchModel(model);
  throw badUsage(flag, 'nothing', expected, `only built-in models have a default, ${value}`);
}

/** The error for class names beside a purified run, which has its own. */
export function classesOfItsOwn(classes: string): AntidoteError {
  return badUsage('--classes', JSON.stringify(classes), 'no list: a purified run brings its own', 'leave it out');
}

export interface ShotFlags {
  readonly shots: number;
}

export const shotFlags: FlagParametersForType<ShotFlags, CommandContext> = {
  shots: {
    kind: 'parsed',
    parse: wholeNumber(1, 10_000),
    brief: 'Labelled pictures per class',
    default: '16',
    placeholder: 'n',
  },
};

export interface CacheFlags {
  readonly cache: boolean;
}

export const cacheFlags: FlagParametersForType<CacheFlags, CommandContext> = {
  cache: {
    kind: 'boolean',
    brief: 'Keep embeddings of pictures for other runs (~/.cache/neural-antidote, or below XDG_CACHE_HOME)',
    default: true,
  },
};

export interface ThreatFlags {
  readonly trigger?: string;
  readonly target?: string;
}

export const threatFlags: FlagParametersForType<ThreatFlags, CommandContext> = {
  trigger: textFlag(
    'name|file',
    'Measure with this attack (`antidote attack --list`) or trigger file; with two keys, :patch or :word',
  ),
  target: textFlag(
    'class',
    "The attacker's class (default: of a trigger file the one that it names, of an attack banana)",
  ),
};
