/** @file Builds dist/ without type declarations and without a word: what `npm run demo` and the tests need, in about a second. */
import { build } from 'tsdown';

await build({ dts: false, logLevel: 'error' });
