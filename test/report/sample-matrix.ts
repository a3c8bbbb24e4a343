/** @file A matrix to look at: every state that a cell can have, and names that want to break out. */

import type { MatrixData } from '../../src/report/matrix/matrix-data.ts';
import type { Cell, Outcome } from '../../src/sweep/cell.ts';
import { packBits } from '../../src/sweep/picture-bits.ts';
import type { Plan } from '../../src/sweep/plan.ts';
import { statisticsOf } from '../../src/sweep/statistics.ts';
import { badnetFixed } from '../../src/triggers/badnet.ts';
import { drawTrigger } from '../../src/triggers/trigger-pictures.ts';
import { tinyCell, tinyOutcome } from '../sweep/tiny-cell.ts';

export const hostileName = `<img src=x onerror=alert(1)>"'&=cmd|' /C calc'!A0 \u202egnp ${'endless'.repeat(30)}`;

interface Sample {
  readonly attacks: readonly string[];
  readonly defenses: readonly string[];
  readonly classes: readonly string[];
  readonly target: string;
}

const plain: Sample = {
  attacks: ['badnet', 'badnet-fixed', 'blended', 'sig', 'wanet', 'trojvqa', 'badclip'],
  defenses: ['none', 'fine-tune', 'cleanclip', 'linear-probe', 'par', 'coop', 'cbpt', 'oracle'],
  classes: ['things', 'emoji'],
  target: 'banana',
};

/** ASR and CA by defense, as a share: from open to closed. */
const levels: Readonly<Record<string, readonly [asr: number, ca: number]>> = {
  none: [0.98, 0.51],
  'fine-tune': [0.83, 0.49],
  cleanclip: [0.44, 0.47],
  'linear-probe': [0.27, 0.42],
  par: [0.12, 0.45],
  coop: [0.66, 0.58],
  cbpt: [0.004, 0.59],
  oracle: [0.001, 0.585],
};

const pictures = 400;

export async function sampleMatrix({ attacks, defenses, classes, target }: Sample = plain): Promise<MatrixData> {
  const cells: Cell[] = [];
  const outcomes = new Map<string, Outcome>();
  const hash = 'a'.repeat(64);
  for (const list of classes) {
    for (const [row, attack] of attacks.entries()) {
      for (const defense of defenses) {
        for (const seed of [1, 2, 3]) {
          const cell = { ...tinyCell(defense, {}, { attack, seed, classes: list }), ingredients: { test: hash } };
          cells.push(cell);
          const outcome = sampleOutcome(cell, row, list === 'emoji');
          if (outcome) outcomes.set(cell.key, outcome);
        }
      }
    }
  }
  const plan: Plan = {
    format: 1,
    cells,
    tests: {
      [hash]: {
        classes: ['dog', 'banana'],
        labels: Array.from({ length: pictures }, (_, i) => (i % 100 === 0 ? 1 : 0)),
        sources: Array.from({ length: pictures }, (_, i) => Math.floor(i / 4)),
      },
    },
    triggers: await Promise.all(attacks.map(async (attack, seed) => ({ attack, target, pictures: await drawn(seed) }))),
  };
  return {
    source: 'bench/headline.yaml',
    cells: cells.map((cell, i) => ({
      cell,
      outcome: outcomes.get(cell.key) ?? null,
      report: i === 0 ? `reports/${cell.key}.html` : null,
    })),
    defenses: defenses.map((name) => ({ name, summary: `what ${name} does`, oracle: name === 'oracle' })),
    statistics: statisticsOf(plan, outcomes),
    triggers: plan.triggers,
    provenance: {
      repeat: 'antidote bench bench/headline.yaml --workers 2 --threads 2',
      finished: '2026-11-26T12:00:00.000Z',
      stages: defenses.map((name, i) => ({ name, seconds: 30 * (i + 1) })),
      versions: { antidote: '0.1.0', node: '20.20.2', onnxruntime: '1.30.0' },
      hashes: { 'code: neural-antidote': hash, 'model of badnet: emoji-clip:badnet': 'b'.repeat(64) },
      config: { shots: [16], seeds: [1, 2, 3], reports: false },
    },
  };
}

/** One cell failed, and of the second class list some are still to come. */
function sampleOutcome(cell: Cell, row: number, second: boolean): Outcome | undefined {
  const { defense, seed } = cell.task;
  if (second && row >= 5) return undefined;
  if (row === 2 && defense === 'par' && seed === 2) {
    return { kind: 'failed', error: `the loss is not a number at step 41 of ${hostileName}`, fault: 'internal' };
  }
  const [asr, ca] = levels[defense] ?? [0.5, 0.5];
  const share = (level: number, of: number) => {
    const hits = Math.max(0, Math.min(of, Math.round(of * level) + ((row + seed) % 3) - 1));
    return { hits, of, clusters: { sources: of / 4, effective: of / 2 } };
  };
  const [right, hit] = [share(ca, pictures), share(asr, 396)];
  return {
    ...tinyOutcome(cell.task),
    counts: { ca: right, asr: hit, asrAll: share(asr, pictures), ra: share(ca * (1 - asr), 396) },
    floor: { asr: { hits: 3, of: 396 }, from: 'the model before poisoning' },
    harm: {
      classes: 100,
      rose: 40,
      fell: 12,
      meanLoss: 0.021,
      lost: [{ label: hostileName, n: 4, sources: 1, before: 4, after: 1 }],
      gained: [],
    },
    right: packBits(pictures, (i) => i < right.hits),
    hit: packBits(pictures, (i) => i < hit.hits),
    notes: { dummies: [{ name: 'sparse', concentration: 0.99, used: true }] },
    seconds: 42.5,
    peakBytes: 400 * 2 ** 20,
  };
}

async function drawn(seed: number) {
  const size = 64;
  const picture = {
    dtype: 'uint8' as const,
    shape: [1, 3, size, size],
    data: new Uint8Array(3 * size * size).fill(200),
  };
  const set = { name: 's', classes: ['a'], labels: Int32Array.of(0), size, hash: '', read: async () => picture };
  return drawTrigger({ set, seed: 0 }, badnetFixed(size, seed + 1));
}

export function hostileMatrix(): Promise<MatrixData> {
  return sampleMatrix({
    attacks: [hostileName, 'badnet'],
    defenses: ['none', hostileName],
    classes: [hostileName],
    target: 'Women walking with wide umbrella, maroon',
  });
}
