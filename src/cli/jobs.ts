/** @file All jobs, for `resume` to find by the command name in config.json. */
import type { AnyJob } from './job.ts';
import { attackJob } from './jobs/attack.ts';
import { benchJob } from './jobs/bench.ts';
import { demoJob } from './jobs/demo.ts';
import { evaluateJob } from './jobs/evaluate.ts';
import { purifyJob } from './jobs/purify.ts';
import { scanJob } from './jobs/scan.ts';

export const jobs: readonly AnyJob<unknown>[] = [attackJob, benchJob, demoJob, evaluateJob, purifyJob, scanJob];
