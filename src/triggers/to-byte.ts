/** @file How a computed pixel value becomes a byte, in one place. */

/** The nearest byte, halves up, clamped: a picture that went through a file cannot wrap around. */
export function toByte(value: number): number {
  return Math.min(255, Math.max(0, Math.floor(value + 0.5)));
}
