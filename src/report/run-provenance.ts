/** @file The origin of a run's numbers, from its configuration. */
import type { RunConfig } from '../runs/config.ts';
import { shellWord } from '../runs/shell-word.ts';
import type { ReportData } from './report-data.ts';

/** @param finished time of the run's result, or of its last event */
export function provenanceOfRun(
  config: RunConfig,
  stages: ReportData['provenance']['stages'],
  finished: string,
): ReportData['provenance'] {
  return {
    repeat: repeatCommand(config),
    finished,
    stages,
    versions: config.versions,
    hashes: hashesOf(config),
    config: { ...config.options, device: config.device, threads: config.threads },
  };
}

/** Hashes of the inputs, by role and name. */
export function hashesOf({ inputs }: RunConfig): ReportData['provenance']['hashes'] {
  return Object.fromEntries(Object.entries(inputs).map(([role, { name, sha256 }]) => [`${role}: ${name}`, sha256]));
}

/** Flags of the commands whose other options are fixed. */
const fewFlags: Readonly<Record<string, readonly string[]>> = {
  demo: ['trigger', 'seed'],
  'train-emoji': ['steps', 'seed'],
};

/** Names of flags that differ from their option's. */
const flagNames: Readonly<Record<string, Readonly<Record<string, string>>>> = { demo: { trigger: 'attack' } };

/** The command that repeats the run. */
function repeatCommand({ command, options, device, threads }: RunConfig): string {
  const taken = fewFlags[command] ?? Object.keys(options).filter((name) => name !== 'model');
  const flags = taken.flatMap((name) => {
    const value = options[name];
    if (typeof value !== 'string' && typeof value !== 'number') return [];
    return [`--${kebab(flagNames[command]?.[name] ?? name)} ${shellWord(String(value))}`];
  });
  const model = fewFlags[command] === undefined && options.model ? [shellWord(String(options.model))] : [];
  // The training script has no flags for device and threads: it uses the processor and all its cores.
  if (command === 'train-emoji') return ['npm run train:emoji --', ...flags].join(' ');
  return [`antidote ${command}`, ...model, ...flags, `--device ${device}`, `--threads ${threads}`].join(' ');
}

/** Commands each of whose options is a flag, but for the model. */
const flagged = /^antidote (scan|purify|evaluate|attack) /;

/**
 * A setting as its flag, if the command that repeats the run takes it; else as the configuration names it.
 *
 * @param name dotted
 */
export function shownSetting(repeat: string, name: string): string {
  const [, command = ''] = /^antidote (\S+)/.exec(repeat) ?? [];
  const flag = `--${kebab(flagNames[command]?.[name] ?? name)}`;
  const isFlag = name !== 'model' && !name.includes('.') && flagged.test(repeat);
  return isFlag || ` ${repeat} `.includes(` ${flag} `) ? flag : name;
}

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
