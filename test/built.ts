/** @file Builds the command line before the tests that run it: it starts in a third of the time of its sources. */
export const setup = async (): Promise<void> => void (await import('../scripts/build-for-demo.mjs'));
