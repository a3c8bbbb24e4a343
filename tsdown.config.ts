import { readFileSync } from 'node:fs';
import { defineConfig, type UserConfig } from 'tsdown';

const licence = readFileSync(new URL('node_modules/zod/LICENSE', import.meta.url), 'utf8').trim();

/** One file with all that it needs: a page may load it without a bundler. It may also be copied alone, with a licence inside. */
export const browser: UserConfig = {
  entry: { browser: 'src/browser.ts' },
  format: 'esm',
  platform: 'browser',
  fixedExtension: true,
  target: 'es2022',
  deps: { alwaysBundle: [/^zod(\/|$)/], onlyBundle: ['zod'] },
  banner: {
    js: `/*!\n * neural-antidote, MIT licence. With zod (https://github.com/colinhacks/zod):\n *\n${licence.replace(/^/gm, ' * ')}\n */`,
  },
  dts: true,
  clean: false,
};

// Unbundled: dist/ mirrors src/, so that `new URL('../../models', import.meta.url)` means the same in both.
export default defineConfig([
  {
    entry: ['src/index.ts', 'src/cli/main.ts', 'src/engine/ort-worker.mjs', 'src/clip/pictures/decode-thread.ts'],
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    unbundle: true,
    dts: true,
    clean: true,
  },
  browser,
]);
