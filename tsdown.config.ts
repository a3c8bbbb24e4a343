import { defineConfig } from 'tsdown';

// Unbundled: dist/ mirrors src/, so that `new URL('../../models', import.meta.url)` means the same in both.
export default defineConfig({
  entry: ['src/index.ts', 'src/cli/main.ts', 'src/engine/ort-worker.mjs', 'src/clip/decode-thread.ts'],
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  unbundle: true,
  dts: true,
  clean: true,
});
