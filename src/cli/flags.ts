/** @file Flags that several commands share. */
import { availableParallelism } from 'node:os';
import type { CommandContext, FlagParametersForType } from '@stricli/core';
import { type Device, devices } from '../engine/engine.ts';

/** An optional flag that takes any text. */
export function textFlag(placeholder: string, brief: string) {
  return { kind: 'parsed', parse: String, optional: true, brief, placeholder } as const;
}

/** A positional argument that takes any text. */
export function textArgument(placeholder: string, brief: string) {
  return { parse: String, placeholder, brief } as const;
}

export interface OutputFlags {
  readonly json: boolean;
  readonly quiet: boolean;
}

export const outputFlags: FlagParametersForType<OutputFlags, CommandContext> = {
  json: {
    kind: 'boolean',
    brief: 'Print one JSON document on standard output, everything else on standard error',
    default: false,
  },
  quiet: { kind: 'boolean', brief: 'No progress, no notes', default: false },
};

export interface EngineFlags {
  readonly device: Device;
  readonly threads: number;
}

export const engineFlags: FlagParametersForType<EngineFlags, CommandContext> = {
  device: { kind: 'enum', values: devices, brief: 'Where to compute', default: 'cpu' },
  threads: {
    kind: 'parsed',
    parse: wholeNumber(1, 1024),
    brief: 'Threads of one operation; equal results need an equal number',
    default: String(availableParallelism()),
    placeholder: 'n',
  },
};

export interface RunFlags {
  readonly out?: string;
  readonly seed: number;
}

export const runFlags: FlagParametersForType<RunFlags, CommandContext> = {
  out: textFlag('dir', 'Run directory to make (default: runs/COMMAND-TIME)'),
  seed: {
    kind: 'parsed',
    parse: wholeNumber(0, 2 ** 31 - 1),
    brief: 'Equal seeds give equal results',
    default: '0',
    placeholder: 'n',
  },
};

/** A parser for whole numbers within bounds; its message completes "expected ...". */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) throw new Error(`a whole number from ${least} to ${most}`);
    return value;
  };
}
