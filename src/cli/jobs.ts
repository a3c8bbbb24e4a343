/** @file Every command that makes a run, so that `resume` finds it by the name in config.json. */
import type { JsonRecord } from '../runs/config.ts';
import type { Job } from './job.ts';
import { purifyJob } from './jobs/purify.ts';

export const jobs: readonly Job<JsonRecord>[] = [purifyJob as unknown as Job<JsonRecord>];
