import { defineConfig, type UserConfig } from 'tsdown';

/** One file with all that it needs: a page may load it without a bundler. */
export const browser: UserConfig = {
  entry: { browser: 'src/browser.ts' },
  format: 'esm',
  platform: 'browser',
  fixedExtension: true,
  target: 'es2022',
  noExternal: [/^zod(\/|$)/],
  dts: true,
  clean: false,
};

// Unbundled: dist/ mirrors src/, so that `new URL('../../models', import.meta.url)` means the same in both.
export default defineConfig([
  {
    entry: ['src/index.ts', 'src/cli/main.ts', 'src/engine/ort-worker.mjs', 'src/clip/decode-thread.ts'],
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    unbundle: true,
    dts: true,
    clean: true,
  },
  browser,
]);
