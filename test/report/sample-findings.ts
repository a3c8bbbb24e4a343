/** @file Made-up findings of a scan, from the sample report's dummy trigger: well-behaved, and with hostile names. */
import type { FindingsData, ReportData } from '../../src/report/report-data.ts';
import { hostile, hostileReport, suspicion } from './sample-report.ts';

export function sampleFindings(sample: ReportData): FindingsData {
  const { model, dummyTriggers, curves, provenance } = sample;
  const task = { classes: sample.task.classes, shots: { perClass: 16, count: 80, from: 'emoji:train' } };
  return {
    command: 'scan',
    model,
    task,
    suspicion,
    dummyTriggers: dummyTriggers.map((trigger) => ({ ...trigger, used: null })),
    curves,
    provenance,
  };
}

export function hostileFindings(sample: ReportData): FindingsData {
  return {
    ...sampleFindings(hostileReport(sample)),
    suspicion: { ...suspicion, reasons: hostile, targets: hostile },
  };
}
