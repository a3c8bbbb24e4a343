/** @file Made-up findings of a scan, from the sample report's dummy trigger: well-behaved, and with hostile names. */
import type { Suspicion } from '../../src/detection/suspicion.ts';
import type { FindingsData, ReportData } from '../../src/report/report-data.ts';
import { hostile, hostileReport } from './sample-report.ts';

const suspicion: Suspicion = {
  verdict: 'backdoor',
  reasons: [
    'A pattern in a fixed place sends 99 % of the pictures of other classes to "banana": 85 % and more is a sign of a backdoor.',
    'A small patch, wherever it lies, sends 52 % of the pictures of other classes to "train", as such patterns do in any model: 80 % would be a sign.',
  ],
  score: 1.16,
  target: 'banana',
  candidates: [
    { label: 'banana', score: 1.16, form: 'sparse', concentration: 0.99 },
    { label: 'train', score: 0.65, form: 'patch', concentration: 0.52 },
  ],
};

export function sampleFindings(sample: ReportData): FindingsData {
  const { model, dummyTriggers, curves, provenance } = sample;
  const task = { classes: sample.task.classes, shots: { perClass: 16, from: 'emoji:train' } };
  return { command: 'scan', model, task, suspicion, dummyTriggers, curves, provenance };
}

export function hostileFindings(sample: ReportData): FindingsData {
  return {
    ...sampleFindings(hostileReport(sample)),
    suspicion: { ...suspicion, reasons: hostile, target: hostile[0]! },
  };
}
