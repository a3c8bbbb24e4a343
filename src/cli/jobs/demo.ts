/** @file The demo job: shows the attack on a built-in poisoned model, purifies it, and measures again. */
import { type AttackName, attacks } from '../../attacks/attacks.ts';
import type { JsonRecord } from '../../runs/config.ts';
import type { Job } from '../job.ts';
import { purifySummary } from '../purify-summary.ts';
import { type PurifyOptions, performPurify, purifyOptions } from './purify.ts';

export const demoJob: Job<PurifyOptions> = {
  command: 'demo',
  options: purifyOptions,
  perform: (options, context) => performPurify('demo', options, context),
  summary: (result: JsonRecord) => [
    'A CLIP with a backdoor, before and after purification. What turns any picture into a banana is',
    `${attacks[result.attack as AttackName].summary}.`,
    '',
    ...purifySummary(result),
    '',
    'CA: accuracy on clean pictures. ASR: share of triggered pictures taken for a banana. RA: share of them taken for',
    'what they are. Only text prompts were tuned: the image encoder is byte for byte the one that was poisoned.',
  ],
};
