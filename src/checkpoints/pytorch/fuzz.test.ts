import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../tensor/temporary-folder.test-support.ts';
import { cases, check, seeds } from './fuzz.test-support.ts';

const folder = temporaryFolder();
/** `npm run fuzz` tries more, with another seed each time. */
const numRuns = 5000;
/** Ten seconds on an idle machine; others may be busy. */
const timeout = 300_000;

test(
  '5,000 damaged files: each is refused with an error about the file, or all tensors lie within it',
  async () => {
    const files = await seeds();
    const path = join(folder(), 'damaged');
    const counts = { read: 0, refused: 0 };
    const memory = process.memoryUsage().rss;
    await fc.assert(
      fc.asyncProperty(cases(files.length), async (damaged) => {
        counts[(await check(files[damaged.seed]!, damaged, path)).result]++;
      }),
      { numRuns, seed: 20_241 },
    );
    // Neither is a matter of course: damage that is always noticed would say that only checksums are tested.
    expect(counts.read).toBeGreaterThan(numRuns / 50);
    expect(counts.refused).toBeGreaterThan(numRuns / 2);
    expect(process.memoryUsage().rss - memory).toBeLessThan(400e6);
  },
  timeout,
);

test(
  'pickles of random opcodes end in a refusal or a value, never in anything else',
  async () => {
    const files = await seeds();
    const small = files.findIndex(({ name }) => name === 'small');
    const path = join(folder(), 'random');
    const edit = fc.record({
      kind: fc.constantFrom('opcode', 'double', 'copy'),
      at: fc.nat(),
      from: fc.nat(),
      length: fc.nat(40),
      value: fc.nat(255),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 5, maxLength: 60 }), async (edits) => {
        await check(files[small]!, { seed: small, target: 'pickle', edits }, path);
      }),
      { numRuns: 500, seed: 20_242 },
    );
  },
  timeout,
);
