/** @file Builds the command line before the tests that run it: it starts in a third of the time of its sources. */
import { build } from 'tsdown';

export const setup = async (): Promise<void> => void (await build({ dts: false, logLevel: 'error' }));
