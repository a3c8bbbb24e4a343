/** @file Flags that say what a model is to do and what threatens it. */
import type { CommandContext, FlagParametersForType } from '@stricli/core';
import { builtInModels } from '../checkpoints/built-in.ts';
import { type AntidoteError, badUsage } from '../errors.ts';
import { wholeNumber } from './flags.ts';

export interface TaskFlags {
  readonly data?: string;
  readonly classes?: string;
}

export const classesFlag = {
  kind: 'parsed',
  parse: String,
  optional: true,
  brief:
    'Class names: a text or JSON file, imagenet, emoji, few-things, things-but-target, or things, which is the default of built-in models',
  placeholder: 'list',
} as const;

/** @param ofBuiltInModels which pictures a built-in model is given where none are named (`taskFor`, `dataFor`) */
export function taskFlags(
  ofBuiltInModels: 'emoji:train' | 'emoji:test',
): FlagParametersForType<TaskFlags, CommandContext> {
  const other = ofBuiltInModels === 'emoji:train' ? 'emoji:test' : 'emoji:train';
  return {
    data: {
      kind: 'parsed',
      parse: String,
      optional: true,
      brief: `Pictures: a folder with a sub-folder per class, a CSV image,label, a CoOp split, ${other}, or ${ofBuiltInModels}, which is the default of built-in models`,
      placeholder: 'data',
    },
    classes: classesFlag,
  };
}

/** Pictures and classes that a model is asked about. */
export interface Task {
  readonly data: string;
  readonly classes: string;
}

/**
 * What the flags say, or for a built-in model the emoji that it was trained on. Any other model would be asked about
 * things that its user has no interest in, without a word.
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
  throw badUsage(flag, 'nothing', expected, `only built-in models have a default, ${value}`);
}

/** A purified run is for the classes that it was made for. */
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
  trigger: {
    kind: 'parsed',
    parse: String,
    optional: true,
    brief:
      'Measure with this trigger: an attack (`antidote attack --list`), or a trigger file; with two keys, :patch or :word',
    placeholder: 'name|file',
  },
  target: {
    kind: 'parsed',
    parse: String,
    optional: true,
    brief: "The attacker's class (default: the trigger file's, or banana)",
    placeholder: 'class',
  },
};
