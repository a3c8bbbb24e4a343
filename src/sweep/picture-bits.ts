/** @file One bit for every picture, as base64: what came of each picture, small enough to keep for every cell. */

/** The first picture is the lowest bit of the first byte. */
export function packBits(count: number, holds: (position: number) => boolean): string {
  const bytes = new Uint8Array(Math.ceil(count / 8));
  for (let i = 0; i < count; i++) if (holds(i)) bytes[i >> 3]! |= 1 << (i & 7);
  return Buffer.from(bytes).toString('base64');
}

/** Reads what {@link packBits} wrote; positions beyond its end do not hold. */
export function unpackBits(text: string): (position: number) => boolean {
  const bytes = Buffer.from(text, 'base64');
  return (position) => ((bytes[position >> 3] ?? 0) & (1 << (position & 7))) !== 0;
}
