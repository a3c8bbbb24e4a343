/** @file How much memory a step of either stage may take: beyond it, pictures get fewer and classes take turns. */

/**
 * Bytes of activations, as `memoryOf` counts them; the engine needs up to 1.4 times as many. With weights, their copies
 * in the engine's layout, and features, a purification over 1,000 classes stays under 6 GiB.
 */
export const stepMemory = 2 * 2 ** 30;
