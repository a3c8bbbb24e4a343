/**
 * @file Builds dist/ without type declarations and without a word: what `npm run demo` and the tests need, in about a second.
 * It takes nothing away: whoever has built the package keeps its declarations, and what runs from there goes on.
 */
import { build } from 'tsdown';

await build({ dts: false, clean: false, logLevel: 'error' });
