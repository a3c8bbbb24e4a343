/** @file Every trigger changes pixels byte for byte as NumPy and PyTorch do from its published definition. */
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import type { Pictures } from '../clip/pictures/pictures.ts';
import { type Random, randomFor } from '../tensor/random.ts';
import { openSafetensors, readTensor } from '../tensor/safetensors.ts';
import { float32, type Tensor } from '../tensor/tensor.ts';
import { applyTrigger } from './apply.ts';
import { sig } from './sig.ts';
import type { Trigger } from './trigger.ts';
import { warpOf } from './wanet.ts';

const file = fileURLToPath(new URL('../../test/fixtures/triggers/expected.safetensors', import.meta.url));
const fixture = new Map<string, Tensor>();
beforeAll(async () => {
  for (const [name, stored] of (await openSafetensors(file)).tensors) fixture.set(name, await readTensor(stored));
});

const size = 32;
const at = (name: string) => fixture.get(name)!;
const floats = (name: string) => at(name) as Tensor<'float32'>;

/** Repeats the numbers that the reference drew. */
function replayed(drawn: Partial<Record<'uniform' | 'normal' | 'integer', Iterable<number | bigint>>>): Random {
  const next = (kind: keyof typeof drawn) => {
    const numbers = [...(drawn[kind] ?? [])].map(Number);
    let taken = 0;
    return () => {
      if (taken === numbers.length) throw new Error(`more ${kind} numbers drawn than the reference did`);
      return numbers[taken++]!;
    };
  };
  const integer = next('integer');
  return { ...randomFor(0), uniform: next('uniform'), normal: next('normal'), integer: () => integer() };
}

const untouchedRandom = replayed({});

function check(name: string, trigger: Trigger, random: Random = untouchedRandom): void {
  const pictures = at('pictures') as Pictures;
  const { data } = applyTrigger(trigger, pictures, random);
  const expected = at(`${name}/expected`).data as Uint8Array;
  const wrong = Array.from(data).flatMap((byte, i) => (byte === expected[i] ? [] : [`${i}: ${byte}, ${expected[i]}`]));
  expect(wrong.slice(0, 10)).toEqual([]);
  expect(expected).not.toEqual(pictures.data);
}

test('a fixed patch is written over its window as in NumPy', () => {
  check('patch', { kind: 'patch', pattern: floats('patch/pattern'), placement: { top: 5, left: 20 } });
});

test('a noise patch is the channel means plus noise, at the drawn position of each picture', () => {
  const { shape, data } = floats('noise-patch/normal');
  const places = Array.from(at('noise-patch/places').data, Number);
  // One picture after the other: a place, then its noise. The stream of each kind keeps that order.
  expect(shape).toEqual([3, 3, 6, 6]);
  const trigger: Trigger = { kind: 'noise-patch', side: 6, placement: 'random' };
  check('noise-patch', trigger, replayed({ integer: places, normal: data }));
});

test('fresh noise is blended over the whole picture in the given share', () => {
  check('noise-blend', { kind: 'noise-blend', share: 0.2 }, replayed({ uniform: floats('noise-blend/uniform').data }));
});

test('one picture is blended over all others in the given share', () => {
  check('blend', {
    kind: 'mask-pattern',
    mask: float32(new Float32Array(size * size).fill(0.2), [1, size, size]),
    pattern: floats('blend/picture'),
    placement: { top: 0, left: 0 },
  });
});

test('a mask mixes its pattern into a window of the picture', () => {
  const [mask, pattern] = [floats('mask-pattern/mask'), floats('mask-pattern/pattern')];
  check('mask-pattern', { kind: 'mask-pattern', mask, pattern, placement: { top: 9, left: 2 } });
});

test('the sine of SIG is added with its amplitude, and at 224 pixels it is the published wave', () => {
  check('sig', sig(size, 60 / 255, 6));
  const published = floats('sig/wave-224').data;
  const { delta } = sig(224, 60 / 255, 6);
  for (const row of [0, 223, 224, 3 * 224 - 1]) {
    published.forEach((value, column) => {
      expect(delta.data[row * 224 + column]).toBeCloseTo(value, 6);
    });
  }
});

test.each([
  ['wanet', 4, 0.5],
  ['wanet-strong', 4, 9],
  ['wanet-jitter', size, 1],
])(
  '%s warps by %d control points a side, interpolated bicubically and sampled bilinearly, as in PyTorch',
  (name, points, strength) => {
    check(name, warpOf(floats(`${name}/field`).data, points, size, strength));
  },
);

test('the network hides its message with the bytes that PyTorch computes', () => {
  const part = (name: string) => floats(`hidden-message/${name}`);
  check('hidden-message', {
    kind: 'hidden-message',
    message: Array.from(at('hidden-message/message').data, Number).join(''),
    size,
    bound: 20 / 255,
    spread: part('spread'),
    first: part('first'),
    firstBias: part('firstBias'),
    second: part('second'),
    secondBias: part('secondBias'),
    last: part('last'),
    lastBias: part('lastBias'),
  });
});
