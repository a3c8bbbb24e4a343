/** @file The tests that take minutes and gigabytes of disk, left out of the suite. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['test/large/**/*.large.ts'], pool: 'forks', maxWorkers: 1, hookTimeout: 600_000 },
});
