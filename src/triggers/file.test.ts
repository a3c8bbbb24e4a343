/** @file Promises of trigger files: they come back as they were, and broken ones say what is wrong. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { randomFor } from '../tensor/random.ts';
import { writeSafetensors } from '../tensor/safetensors.ts';
import { float32 } from '../tensor/tensor.ts';
import { badnetFixed, badnetFresh } from './badnet.ts';
import { readTrigger, writeTrigger } from './file.ts';
import { writeTriggerPreview } from './preview.ts';
import type { Trigger } from './trigger.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'triggers-'));
});
afterAll(() => rm(folder, { recursive: true }));

function noise(channels: number, side: number, low: number, high: number) {
  const random = randomFor(1, channels, side);
  const data = Float32Array.from({ length: channels * side * side }, () => low + (high - low) * random.uniform());
  return float32(data, [channels, side, side]);
}

const examples: readonly Trigger[] = [
  badnetFixed(64, 3),
  badnetFresh(64),
  { kind: 'noise-patch', side: 5, placement: { top: 1, left: 2 } },
  { kind: 'additive', delta: noise(3, 16, -12 / 255, 12 / 255), bound: 12 / 255 },
  { kind: 'mask-pattern', mask: noise(1, 16, 0, 1), pattern: noise(3, 16, 0, 1), placement: { top: 0, left: 0 } },
  { kind: 'mask-pattern', mask: noise(1, 6, 0, 1), pattern: noise(3, 6, 0, 1), placement: 'random' },
];

test.each(examples.map((trigger) => [trigger.kind, trigger] as const))(
  'a %s comes back from its file bit by bit, with its notes',
  async (_kind, trigger) => {
    const path = join(folder, 'trigger.safetensors');
    await writeTrigger(path, trigger, { attack: 'badnet', seed: '3' });
    expect(await readTrigger(path)).toEqual({ trigger, notes: { attack: 'badnet', seed: '3' } });
  },
);

test('a preview is an enlarged picture of the trigger on grey', async () => {
  const path = join(folder, 'trigger.png');
  for (const trigger of examples) {
    const size = trigger.kind === 'additive' || trigger.kind === 'mask-pattern' ? 16 : 64;
    await writeTriggerPreview(path, trigger, size);
    const { data, info } = await sharp(await readFile(path))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([4 * size, 4 * size]);
    expect(new Set(data).size).toBeGreaterThan(10);
  }
});

const record = (value: unknown) => ({ 'antidote.trigger': JSON.stringify(value) });
const corner = { top: 0, left: 0 };

test.each([
  ['a safetensors file without a record', {}, undefined, /no metadata entry "antidote.trigger"/],
  ['a record that is not JSON', {}, { 'antidote.trigger': '{' }, /not JSON/],
  ['an unknown kind', {}, record({ kind: 'laser' }), /mistake at kind/],
  ['a field too many', {}, record({ kind: 'additive', bound: 0.1, run: 'rm' }), /mistake/],
  ['a side of zero', {}, record({ kind: 'noise-patch', side: 0, placement: 'random' }), /mistake at side/],
  ['a negative place', {}, record({ kind: 'noise-patch', side: 3, placement: { top: -1, left: 0 } }), /placement/],
  ['a missing tensor', {}, record({ kind: 'patch', placement: corner }), /no tensor "pattern"/],
  [
    'a pattern of one channel',
    { pattern: noise(1, 4, 0, 1) },
    record({ kind: 'patch', placement: corner }),
    /shape \[1, 4, 4\], expected \[3, side, side\]/,
  ],
  [
    'a NaN',
    { pattern: float32(new Float32Array(12).fill(Number.NaN), [3, 2, 2]) },
    record({ kind: 'patch', placement: corner }),
    /NaN in tensor "pattern"/,
  ],
  [
    'a delta beyond its bound',
    { delta: noise(3, 4, 0.2, 0.3) },
    record({ kind: 'additive', bound: 0.1 }),
    /expected values from -0.1 to 0.1/,
  ],
  [
    'a mask of another size than its pattern',
    { mask: noise(1, 4, 0, 1), pattern: noise(3, 5, 0, 1) },
    record({ kind: 'mask-pattern', placement: 'random' }),
    /mask \[1, 4, 4\] and pattern \[3, 5, 5\]/,
  ],
] as const)('%s is refused', async (_name, tensors, metadata, message) => {
  const path = join(folder, 'broken.safetensors');
  await writeSafetensors(path, tensors, metadata);
  await expect(readTrigger(path)).rejects.toThrow(message);
});
