/** @file Half precision: rounding float32 to IEEE 754 binary16 and widening binary16 and bfloat16 back. */

const LARGEST_FINITE_ROUNDS_UP_AT = 0x477ff000; // 65520: halfway between 65504, the largest binary16, and 65536
const SMALLEST_NORMAL = 0x38800000; // 2^-14
const INFINITY_BITS = 0x7f800000;
// Adding and subtracting 2^52 leaves no fraction bits in a double: round to nearest, ties to even, in hardware.
const ROUNDING = 2 ** 52;

/** Rounds to the nearest binary16, ties to even; subnormals are kept, overflow is infinity, a NaN is a quiet NaN. */
export function toFloat16(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!;
    const sign = (word >>> 16) & 0x8000;
    const magnitude = word & 0x7fffffff;
    if (magnitude >= LARGEST_FINITE_ROUNDS_UP_AT) {
      halves[i] = sign | (magnitude > INFINITY_BITS ? 0x7e00 : 0x7c00);
    } else if (magnitude < SMALLEST_NORMAL) {
      // Subnormals are multiples of 2^-24; 1024 of them are the smallest normal number, whose bits are 1024 as well.
      halves[i] = sign | (Math.abs(values[i]!) * 2 ** 24 + ROUNDING - ROUNDING);
    } else {
      // Exponent bias 127 becomes 15; rounding may carry into the exponent, as it should.
      halves[i] = sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
    }
  }
  return halves;
}

/** Widens binary16, exactly. */
export function fromFloat16(halves: Uint16Array): Float32Array {
  const values = new Float32Array(halves.length);
  const bits = new Uint32Array(values.buffer);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i]!;
    const sign = (half & 0x8000) << 16;
    const magnitude = half & 0x7fff;
    if (magnitude >= 0x7c00) bits[i] = sign | INFINITY_BITS | ((magnitude & 0x3ff) << 13);
    else if (magnitude >= 0x400) bits[i] = sign | ((magnitude << 13) + 0x38000000);
    else values[i] = (sign ? -1 : 1) * magnitude * 2 ** -24;
  }
  return values;
}

/** Widens bfloat16, the upper half of a float32, exactly. */
export function fromBfloat16(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i]! << 16;
  return new Float32Array(bits.buffer);
}
