/** @file All commands by name, in the order of the help. */
import { buildRouteMap } from '@stricli/core';
import { builtInModels } from '../checkpoints/built-in.ts';
import { attack } from './commands/attack.ts';
import { bench } from './commands/bench.ts';
import { classify } from './commands/classify.ts';
import { demo } from './commands/demo.ts';
import { embed } from './commands/embed.ts';
import { evaluate } from './commands/evaluate.ts';
import { exportCommand } from './commands/export.ts';
import { inspect } from './commands/inspect.ts';
import { purify } from './commands/purify.ts';
import { report } from './commands/report.ts';
import { resume } from './commands/resume.ts';
import { scan } from './commands/scan.ts';
import { worker } from './commands/worker.ts';

const poisoned = builtInModels.filter((name) => name.includes(':'));

export const commands = buildRouteMap({
  routes: {
    demo,
    inspect,
    embed,
    attack,
    scan,
    purify,
    evaluate,
    classify,
    export: exportCommand,
    bench,
    worker,
    report,
    resume,
  },
  docs: {
    brief: 'Tells whether a CLIP model carries a backdoor, and purifies it without touching its weights',
    fullDescription: [
      'Tells whether a CLIP model carries a backdoor (scan), and closes it by class-wise prompt tuning, without touching',
      'its weights (purify).',
      '',
      'MODEL is a Hugging Face or open_clip folder, a file of weights, hf:org/name, or a built-in: emoji-clip, or the',
      `same with a backdoor: ${poisoned.slice(0, 4).join(', ')},`,
      `${poisoned.slice(4).join(', ')}.`,
      '',
      'Exit codes: 0 done, 64 wrong usage, 65 bad input data, 70 an error of its own, 130 stopped; of scan,',
      'resumed or not, also 1 a backdoor was found, 2 undecided.',
    ].join('\n'),
  },
});
