import fc from 'fast-check';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../tensor/files/temporary-folder.test-support.ts';
import { cases, check, seeds } from './fuzz.test-support.ts';

const folder = temporaryFolder();
const batch = 50;

test('5,000 damaged files: each is refused with an error about the file, or all its tensors lie within it', async () => {
  const files = await seeds();
  const counts = { read: 0, refused: 0 };
  const memory = process.memoryUsage().rss;
  // `npm run fuzz` tries more, with another seed each time.
  await fc.assert(
    fc.asyncProperty(fc.array(cases(files.length), { minLength: batch, maxLength: batch }), async (damaged) => {
      const { read, refused } = await check(files, damaged, folder());
      counts.read += read;
      counts.refused += refused;
    }),
    { numRuns: 5000 / batch, seed: 20_241 },
  );
  // Neither is a matter of course: if all damage were noticed, only checksums would be tested.
  expect(counts.read).toBeGreaterThan(100);
  expect(counts.refused).toBeGreaterThan(2500);
  expect(process.memoryUsage().rss - memory).toBeLessThan(400e6);
});

test('pickles of random opcodes end in a refusal or a value, never in anything else', async () => {
  const files = await seeds();
  const seed = files.findIndex(({ name }) => name === 'small');
  const edit = fc.record({
    kind: fc.constantFrom('opcode', 'double', 'copy'),
    at: fc.nat(),
    from: fc.nat(),
    length: fc.nat(40),
    value: fc.nat(255),
  });
  const scrambled = fc.record({
    seed: fc.constant(seed),
    target: fc.constant('pickle' as const),
    edits: fc.array(edit, { minLength: 5, maxLength: 60 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(scrambled, { minLength: batch, maxLength: batch }), async (damaged) => {
      await check(files, damaged, folder());
    }),
    { numRuns: 10, seed: 20_242 },
  );
});
