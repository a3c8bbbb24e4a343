/** @file The tests that take minutes, or gigabytes of disk, left out of the suite. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/slow/**/*.slow.ts'],
    pool: 'forks',
    maxWorkers: 1,
    env: { ORT_DISABLE_TELEMETRY: '1' },
    hookTimeout: 600_000,
  },
});
