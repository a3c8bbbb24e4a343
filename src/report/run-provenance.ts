/** @file What a run's configuration says of where its numbers come from. */
import type { RunConfig } from '../runs/config.ts';
import { shellWord } from '../runs/shell-word.ts';
import type { ReportData } from './report-data.ts';

/** @param finished when the run came to its result, or told something last */
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

/** What was read, by its role and name. */
export function hashesOf({ inputs }: RunConfig): ReportData['provenance']['hashes'] {
  return Object.fromEntries(Object.entries(inputs).map(([role, { name, sha256 }]) => [`${role}: ${name}`, sha256]));
}

/** Commands that take few flags: the rest of their options is fixed. */
const fewFlags: Readonly<Record<string, readonly string[]>> = {
  demo: ['trigger', 'seed'],
  'train-emoji': ['steps', 'seed'],
};

/** What flags are called where their option is called otherwise. */
const flagNames: Readonly<Record<string, Readonly<Record<string, string>>>> = { demo: { trigger: 'attack' } };

/** The command that gives such a run again. */
function repeatCommand({ command, options, device, threads }: RunConfig): string {
  const taken = fewFlags[command] ?? Object.keys(options).filter((name) => name !== 'model');
  const flags = taken.flatMap((name) => {
    const value = options[name];
    if (typeof value !== 'string' && typeof value !== 'number') return [];
    return [`--${kebab(flagNames[command]?.[name] ?? name)} ${shellWord(String(value))}`];
  });
  const model = fewFlags[command] === undefined && options.model ? [shellWord(String(options.model))] : [];
  // The training script has no flags for the machine: it takes the processor and all its cores.
  if (command === 'train-emoji') return ['npm run train:emoji --', ...flags].join(' ');
  return [`antidote ${command}`, ...model, ...flags, `--device ${device}`, `--threads ${threads}`].join(' ');
}

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
