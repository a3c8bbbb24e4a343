/** @file Every command that makes a run, so that `resume` finds it by the name in config.json. */
import type { JsonRecord } from '../runs/config.ts';
import type { Job } from './job.ts';
import { attackJob } from './jobs/attack.ts';
import { demoJob } from './jobs/demo.ts';
import { evaluateJob } from './jobs/evaluate.ts';
import { purifyJob } from './jobs/purify.ts';

// Each job's own schema checks its options before they reach it, so the list may forget their types.
export const jobs = [attackJob, demoJob, evaluateJob, purifyJob] as unknown as readonly Job<JsonRecord>[];
