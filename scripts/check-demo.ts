/** @file Holds the demo's result against its bars: `tsx scripts/check-demo.ts result.json`. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';

const measures = z.object({ ca: z.number(), asr: z.number(), asrAll: z.number(), ra: z.number(), n: z.number() });
const demo = z.object({
  undefended: measures,
  purified: measures,
  floor: z.object({ asr: z.number() }),
  seconds: z.number(),
});

const path = process.argv[2];
if (path === undefined) throw new Error('usage: tsx scripts/check-demo.ts result.json');
const { undefended, purified, floor, seconds } = demo.parse(JSON.parse(readFileSync(path, 'utf8')));

/** The bars of the method (docs/method.md), for the demo's one seed: percentages and points of a percentage. */
const bars = [
  { what: 'the attack works: ASR of the undefended model', value: undefended.asr, least: 95 },
  { what: 'the attack is gone: ASR of the purified model', value: purified.asr, most: Math.max(0.39, floor.asr + 0.2) },
  { what: 'accuracy is kept: points of CA lost', value: undefended.ca - purified.ca, most: 0.9 },
];

let failed = false;
for (const { what, value, least = -Infinity, most = Infinity } of bars) {
  const met = value >= least && value <= most;
  failed ||= !met;
  const bar = least > -Infinity ? `at least ${least}` : `at most ${most.toFixed(2)}`;
  console.log(`${met ? 'met   ' : 'MISSED'}  ${what}: ${value.toFixed(2)} (${bar})`);
}
// How fast it is depends on the machine as well: `npm run bench -- demo` holds that against its bar.
console.log(`took ${seconds.toFixed(0)} seconds`);
process.exitCode = failed ? 1 : 0;
