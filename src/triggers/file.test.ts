/** @file Promises of trigger files: they come back as they were, and broken ones say what is wrong. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { randomFor } from '../tensor/random.ts';
import { writeSafetensors } from '../tensor/safetensors.ts';
import { elements, float32, type Tensor } from '../tensor/tensor.ts';
import { badnetFixed, badnetFresh } from './badnet.ts';
import { blendedFresh, blendedPicture } from './blended.ts';
import { tinyEncoder } from './encoder.test-support.ts';
import { readTrigger, writeTrigger } from './file.ts';
import { writeTriggerPreview } from './preview.ts';
import type { Trigger } from './trigger.ts';
import { wanet } from './wanet.ts';
import { drawWaves } from './waves.ts';

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
  { kind: 'mask-pattern', mask: noise(1, 6, 0, 1), pattern: noise(3, 6, 0, 1), placement: 'random-tile' },
  blendedFresh(0.2),
  blendedPicture(16, 0.2),
  wanet(64, 3, 4, 2),
  { kind: 'hidden-message', message: '10110', ...tinyEncoder(64, 5, 1) },
  drawWaves(5, randomFor(1, 'waves')),
  { kind: 'none' },
];

test.each(examples.map((trigger) => [trigger.kind, trigger] as const))(
  'a %s is read from its file bit for bit, with its notes',
  async (_kind, trigger) => {
    const path = join(folder, 'trigger.safetensors');
    await writeTrigger(path, trigger, { attack: 'badnet', seed: '3' });
    expect(await readTrigger(path)).toEqual({ trigger, notes: { attack: 'badnet', seed: '3' } });
  },
);

test('a preview is an enlarged picture of the trigger on grey', async () => {
  const path = join(folder, 'trigger.png');
  for (const trigger of examples.filter(({ kind }) => kind !== 'none')) {
    const size = trigger.kind === 'additive' || trigger.kind === 'mask-pattern' ? 16 : 64;
    await writeTriggerPreview(path, trigger, size);
    const { data, info } = await sharp(await readFile(path))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([4 * size, 4 * size]);
    expect(new Set(data).size, trigger.kind).toBeGreaterThan(10);
  }
});

const record = (value: unknown) => ({ 'antidote.trigger': JSON.stringify(value) });
const corner = { top: 0, left: 0 };

const hidden = (changed: Record<string, unknown> = {}) =>
  record({ kind: 'hidden-message', message: '10110', size: 64, bound: 0.1, ...changed });
function encoder(changed: Record<string, Tensor> = {}): Record<string, Tensor> {
  const { size, bound, ...tensors } = tinyEncoder(64, 5, 1);
  return { ...tensors, ...changed };
}
const zeros = (...shape: number[]) => float32(new Float32Array(elements(shape)), shape);

test.each([
  ['a safetensors file without a record', {}, undefined, /no metadata entry "antidote.trigger"/],
  ['a record that is not JSON', {}, { 'antidote.trigger': '{' }, /not JSON/],
  ['an unknown kind', {}, record({ kind: 'laser' }), /: kind: found/],
  [
    'a field too many',
    {},
    record({ kind: 'additive', bound: 0.1, run: 'rm' }),
    /run: found "rm", expected no such key/,
  ],
  ['a side of zero', {}, record({ kind: 'noise-patch', side: 0, placement: 'random' }), /: side: found/],
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
    /"pattern" of shape \[3, 5, 5\], expected \[3, side \(4\), side \(4\)\]/,
  ],
  ['a blend of nothing', {}, record({ kind: 'noise-blend', share: 0 }), /: share: found/],
  ['a warp without its field', {}, record({ kind: 'warp' }), /no tensor "offsets", expected \[2, side, side\]/],
  [
    'a warp from infinitely far away',
    { offsets: float32(new Float32Array(8).fill(Number.POSITIVE_INFINITY), [2, 2, 2]) },
    record({ kind: 'warp' }),
    /Infinity in tensor "offsets"/,
  ],
  ['a warp of one direction', { offsets: zeros(1, 4, 4) }, record({ kind: 'warp' }), /expected \[2, side, side\]/],
  ['a message of other signs than bits', encoder(), hidden({ message: '10120' }), /: message: found/],
  ['a message beyond the limit', encoder(), hidden({ message: '0'.repeat(257) }), /: message: found/],
  [
    'a message longer than the network was made for',
    encoder(),
    hidden({ message: '101101' }),
    /shape \[5, 2, 4, 4\], expected \[6, /,
  ],
  ['a network for pictures of an odd size', encoder(), hidden({ size: 63 }), /: size: found/],
  ['a network for pictures beyond the limit', encoder(), hidden({ size: 4096 }), /: size: found/],
  [
    'a network so wide that a picture would take hours',
    encoder({ first: zeros(65, 14, 3, 3) }),
    hidden(),
    /"first" of shape \[65, 14, 3, 3\], expected \[channels \(at most 64\), 14, 3, 3\]/,
  ],
  [
    'a layer that does not take what the one before gives',
    encoder({ second: zeros(3, 4, 3, 3) }),
    hidden(),
    /"second" of shape \[3, 4, 3, 3\], expected \[channels \(3\), channels \(3\), 3, 3\]/,
  ],
  [
    'a kernel of another size',
    encoder({ last: zeros(12, 3, 5, 5) }),
    hidden(),
    /expected \[12, channels \(3\), 3, 3\]/,
  ],
  [
    'a NaN among the weights',
    encoder({ lastBias: float32([...Array(11).fill(0), Number.NaN], [12]) }),
    hidden(),
    /NaN in tensor "lastBias"/,
  ],
] as const)('%s is refused', async (_name, tensors, metadata, message) => {
  const path = join(folder, 'broken.safetensors');
  await writeSafetensors(path, tensors, metadata);
  await expect(readTrigger(path)).rejects.toThrow(message);
});
