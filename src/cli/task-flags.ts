/** @file Flags that say what a model is to do and what threatens it. */
import type { CommandContext, FlagParametersForType } from '@stricli/core';

export interface TaskFlags {
  readonly data: string;
  readonly classes: string;
}

export const taskFlags: FlagParametersForType<TaskFlags, CommandContext> = {
  data: {
    kind: 'parsed',
    parse: String,
    brief:
      'Pictures: emoji:train, emoji:test, a folder with a sub-folder per class, a CSV image,label, or a CoOp split',
    default: 'emoji:train',
    placeholder: 'data',
  },
  classes: {
    kind: 'parsed',
    parse: String,
    brief: 'Class names: things, emoji, imagenet, or a text or JSON file',
    default: 'things',
    placeholder: 'list',
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
