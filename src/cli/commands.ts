/** @file Every command by its name, in the order in which help lists them. */
import { buildRouteMap } from '@stricli/core';
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
import { worker } from './commands/worker.ts';

export const commands = buildRouteMap({
  routes: {
    demo,
    inspect,
    embed,
    attack,
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
    brief: 'Tells whether a CLIP model carries a backdoor and purifies it without touching its weights',
    fullDescription: [
      'Purifies a backdoored CLIP model by class-wise prompt tuning, without touching its weights.',
      '',
      'MODEL is a Hugging Face or open_clip folder, a file of weights, hf:org/name, or a built-in:',
      'emoji-clip, emoji-clip:badnet, emoji-clip:badnet-fixed.',
      '',
      'Exit codes: 0 done, 64 wrong usage, 65 bad input data, 70 an error of its own, 130 stopped.',
    ].join('\n'),
  },
});
