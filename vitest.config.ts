import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // ONNX Runtime brings its own threads: two test files at a time fill two cores.
    maxWorkers: 2,
    pool: 'forks',
    globalSetup: ['test/own-cache.ts', 'test/built.ts'],
    // Some tests load ONNX Runtime without the engine.
    env: { ORT_DISABLE_TELEMETRY: '1' },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
