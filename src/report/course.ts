/** @file The curves of a run, from its events: measures of every stage by step. */
import type { RunEvent } from '../runs/recorder.ts';
import type { Curves } from './report-data.ts';

/** Measures of one unit, which share a chart. */
interface Family {
  readonly title: string;
  readonly names: readonly string[];
}

const losses: Family = { title: '', names: ['loss', 'clean', 'triggered', 'anchor'] };

/** Training also records accuracies and rates at intervals, in percent, and the norm of the gradient at every step. */
const families: readonly Family[] = [
  losses,
  { title: 'measured on the way, %', names: ['top1', 'top5', 'things', 'ca', 'asr', 'ra'] },
  { title: 'norm of the gradient', names: ['gradient'] },
];

/** Losses of every stage that recorded some, in the order of the stages. */
export function lossCurves(events: readonly RunEvent[]): Curves[] {
  return curvesOf(events, [losses]);
}

/** All measures, stage by stage. */
export function allCurves(events: readonly RunEvent[]): Curves[] {
  return curvesOf(events, families);
}

function curvesOf(events: readonly RunEvent[], drawn: readonly Family[]): Curves[] {
  const stages = new Map<string, RunEvent[]>();
  for (const event of events) {
    const known = stages.get(event.stage);
    if (known) known.push(event);
    else stages.set(event.stage, [event]);
  }
  return [...stages].flatMap(([stage, recorded]) =>
    drawn.flatMap((family) => familyCurves(stage, recorded, family) ?? []),
  );
}

function familyCurves(stage: string, recorded: readonly RunEvent[], { title, names }: Family): Curves | undefined {
  const told = recorded.filter((event) => names.some((name) => typeof event[name] === 'number'));
  const present = names.filter((name) => told.some((event) => typeof event[name] === 'number'));
  if (present.length === 0) return undefined;
  return {
    title: title === '' ? stage : `${stage}: ${title}`,
    steps: told.map((event) => event.step ?? 0),
    lines: present.map((name) => ({ name, values: told.map((event) => Number(event[name] ?? Number.NaN)) })),
  };
}
