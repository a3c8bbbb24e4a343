/** @file Fifty thousand files: memory as for five thousand, and listed in seconds. Run by `npm run test:slow`. */
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../src/tensor/files/temporary-folder.test-support.ts';
import { streamed } from '../streaming/streamed.ts';

const folder = temporaryFolder();

/** A ninth of what the pictures of the larger set are together, and what garbage makes uncertain anyway. */
const bound = 64 * 1024 * 1024;

test('streaming 50,000 files takes hardly more memory than streaming 5,000', async () => {
  const few = await streamed(folder(), 5_000, 64);
  const many = await streamed(folder(), 50_000, 64);
  expect(many.pictures).toBe(50_000);
  expect(many.peak! - few.peak!).toBeLessThan(bound);
  // Listing, and hashing every file, grows as the number of files and no faster.
  expect(many.opened).toBeLessThan(30 * few.opened);
}, 3_600_000);
