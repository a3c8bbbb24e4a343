/** @file One bit for every picture, as text: what came of each, small enough to keep for every cell. */

/** The first picture is the lowest bit of the first byte; base64. */
export function packed(count: number, holds: (position: number) => boolean): string {
  const bytes = new Uint8Array(Math.ceil(count / 8));
  for (let i = 0; i < count; i++) if (holds(i)) bytes[i >> 3]! |= 1 << (i & 7);
  return Buffer.from(bytes).toString('base64');
}

/** Reads what {@link packed} wrote; positions beyond its end do not hold. */
export function unpacked(text: string): (position: number) => boolean {
  const bytes = Buffer.from(text, 'base64');
  return (position) => ((bytes[position >> 3] ?? 0) & (1 << (position & 7))) !== 0;
}
