/** @file Builds dist/ without type declarations and without a word: what `npm run demo` needs, in about a second. */
import { build } from 'tsdown';

await build({ dts: false, logLevel: 'error' });
