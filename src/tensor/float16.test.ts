import { expect, test } from 'vitest';
import { fromBfloat16, fromFloat16, toFloat16 } from './float16.ts';
import { randomFor } from './random.ts';

/** The value of a binary16 by its definition, not by bit tricks. */
function decode(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

test('all 65,536 halves widen to their value and round back to themselves', () => {
  const halves = Uint16Array.from({ length: 65_536 }, (_, i) => i);
  const wide = fromFloat16(halves);
  const back = toFloat16(wide);
  for (let half = 0; half < 65_536; half++) {
    const value = decode(half);
    if (!Object.is(wide[half], value)) throw new Error(`half ${half}: ${wide[half]}, expected ${value}`);
    const expected = Number.isNaN(value) ? (half & 0x8000) | 0x7e00 : half;
    if (back[half] !== expected) throw new Error(`half ${half} came back as ${back[half]}`);
  }
});

test('between two halves the nearer one is taken, and the even one at the middle', () => {
  for (let half = 0; half < 0x7c00; half++) {
    const [low, high] = [decode(half), half === 0x7bff ? 65_536 : decode(half + 1)];
    const middle = (low + high) / 2;
    const below = nextFloat32(middle, -1);
    const above = nextFloat32(middle, 1);
    const even = half % 2 === 0 ? half : half + 1;
    const found = [...toFloat16(Float32Array.of(middle, below, above, -middle, -below, -above))];
    const expected = [even, half, half + 1, even | 0x8000, half | 0x8000, (half + 1) | 0x8000];
    if (found.join() !== expected.join()) throw new Error(`around ${middle}: ${found}, expected ${expected}`);
  }
});

test('random float32 bit patterns round as a search for the nearest half does', () => {
  const random = randomFor(1, 'float16');
  const bits = Uint32Array.from({ length: 20_000 }, () => random.integer(2 ** 32));
  // Half of them with exponents near the range of halves, where rounding happens.
  for (let i = 0; i < 10_000; i++) bits[i] = (bits[i]! & 0x807fffff) | ((100 + random.integer(45)) << 23);
  const values = new Float32Array(bits.buffer);
  const halves = toFloat16(values);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    const found = decode(halves[i]!);
    if (Number.isNaN(value)) expect(found).toBeNaN();
    else if (Math.abs(value) >= 65_520) expect(found).toBe(Math.sign(value) * Number.POSITIVE_INFINITY);
    else {
      const distance = Math.abs(found - value);
      for (const neighbour of [halves[i]! - 1, halves[i]! + 1]) {
        const other = decode(neighbour & 0xffff);
        const nearer = Math.sign(other) === Math.sign(value) && Math.abs(other - value) < distance;
        if (nearer) throw new Error(`${value} became ${found}, but ${other} is nearer`);
      }
    }
  }
});

test('the smallest numbers underflow to zero with their sign', () => {
  const tiny = [2 ** -25, 2 ** -25 * (1 + 2 ** -23), 2 ** -26, 1e-45, -0, -1e-45];
  expect([...toFloat16(Float32Array.from(tiny))]).toEqual([0, 1, 0, 0, 0x8000, 0x8000]);
});

test('a view into a larger buffer is converted, not the whole buffer', () => {
  const whole = Float32Array.of(1, 2, 3, 4);
  expect([...toFloat16(whole.subarray(1, 3))]).toEqual([0x4000, 0x4200]);
});

test('bfloat16 widens to the float32 whose upper half it is', () => {
  const wide = fromBfloat16(Uint16Array.of(0x3f80, 0xc040, 0x7f80, 0x0001, 0x8000));
  expect([...wide]).toEqual([1, -3, Number.POSITIVE_INFINITY, 2 ** -133, -0]);
  expect(fromBfloat16(Uint16Array.of(0x7fc0))[0]).toBeNaN();
});

function nextFloat32(value: number, direction: 1 | -1): number {
  const float = Float32Array.of(value);
  new Int32Array(float.buffer)[0]! += value < 0 ? -direction : direction;
  return float[0]!;
}
