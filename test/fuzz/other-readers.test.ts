import fc from 'fast-check';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../src/tensor/files/temporary-folder.test-support.ts';
import { otherCases, otherSeeds, tryOther } from './other-readers.ts';

const folder = temporaryFolder();

test('every file that the fuzzing of readers starts from can be read', async () => {
  const seeds = await otherSeeds(folder());
  for (const seed of seeds.keys()) {
    expect(await tryOther(seeds, { seed, edits: [] }, folder()), seeds[seed]!.file).toMatchObject({ read: true });
  }
});

test('1,500 damaged configurations, tables, lists, triggers and deltas: each is read, or refused by name within a second', async () => {
  const seeds = await otherSeeds(folder());
  const counts = { read: 0, refused: 0 };
  const warnings: string[] = [];
  const warned = (warning: Error) => warnings.push(warning.message);
  process.on('warning', warned);
  // `npm run fuzz` tries more, with another seed each time.
  await fc.assert(
    fc.asyncProperty(otherCases(seeds.length), async (given) => {
      const { read } = await tryOther(seeds, given, folder());
      counts[read ? 'read' : 'refused']++;
    }),
    { numRuns: 1500, seed: 20_243 },
  );
  process.off('warning', warned);
  expect(warnings).toEqual([]);
  // Neither is a matter of course: damage must get past the first checks.
  expect(counts.read).toBeGreaterThan(150);
  expect(counts.refused).toBeGreaterThan(500);
}, 180_000);
