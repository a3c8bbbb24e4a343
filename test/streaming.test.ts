/** @file The promise that memory does not grow with the data set, at a size that a test suite can bear. */
import { expect, test } from 'vitest';
import { temporaryFolder } from '../src/tensor/files/temporary-folder.test-support.ts';
import { streamed } from './streaming/streamed.ts';

const folder = temporaryFolder();

test('the decoded pictures of a set are never in memory together', async () => {
  const few = await streamed(folder(), 1000, 224);
  const many = await streamed(folder(), 2000, 224);
  expect(many.pictures).toBe(2000);
  if (few.peak === null || many.peak === null) return; // The system does not tell.
  // The thousand more would be 150 MB; garbage that is not collected yet makes a peak uncertain by 30.
  expect(many.peak - few.peak).toBeLessThan(75 * 1024 * 1024);
}, 180_000);
