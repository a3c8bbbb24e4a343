/** @file Pickles that lie about storages, tensors and state dicts: never a number from outside the file. */
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../tensor/files/temporary-folder.test-support.ts';
import { legacyOf, op, pickleOf, raw, sixFloats, storageOps, tensorOps } from './archive.test-support.ts';
import { refusalsIn } from './refusal.test-support.ts';

const { refusal, refusalOf } = refusalsIn(temporaryFolder());

test('persistent ids that lie about size, type or existence are refused', async () => {
  const dictOf = (...tensors: string[]) => op.dict(Object.fromEntries(tensors.map((ops, i) => [`t${i}`, ops])));
  expect(await refusal(dictOf(tensorOps({ key: '1' })))).toContain('storage "1", which is not in the file');
  expect(await refusal(dictOf(tensorOps({ key: '../data.pkl' })))).toContain('which is not in the file');
  expect(await refusal(dictOf(tensorOps({ count: 7 })))).toContain('storage "0" of 28 bytes');
  expect(await refusal(dictOf(tensorOps({ count: 5 })))).toContain('expected the 24 bytes of the file');
  expect(await refusal(dictOf(tensorOps({ type: 'DoubleStorage' })))).toContain('of 48 bytes');
  expect(await refusal(dictOf(tensorOps(), tensorOps({ type: 'IntStorage' })))).toContain('another size or type');
  expect(await refusal(dictOf(tensorOps({ count: -1 })))).toContain('a storage of the number -1 elements');
  expect(await refusal(dictOf(tensorOps({ count: 2n ** 62n })))).toContain('elements');
});

test('persistent ids of other things than storages are refused', async () => {
  expect(await refusal('P0\n')).toContain('a string as a persistent id');
  expect(await refusal('NQ')).toContain('None as a persistent id');
  expect(await refusal(')Q')).toContain('a persistent id of something else');
  expect(await refusal(`${op.tuple(op.text('module'), 'N', 'N', 'N')}Q`)).toContain('a module with its source code');
  const parts = [op.text('storage'), op.global('torch', 'float32'), op.text('0'), op.text('cpu'), op.integer(6)];
  expect(await refusal(`${op.tuple(...parts)}Q`)).toContain('a persistent id of something else');
  const view = op.tuple(op.text('0'), op.integer(0), op.integer(1));
  parts[1] = op.global('torch', 'FloatStorage');
  expect(await refusal(`${op.tuple(...parts, view)}Q`)).toContain('a view of a storage');
});

test('out-of-range tensors are refused: by offset, by size, by stride and by one element', async () => {
  const of = (parts: Parameters<typeof tensorOps>[0]) => refusal(op.dict({ weight: tensorOps(parts) }));
  expect(await of({ offset: 1 })).toContain('a tensor that reaches to element 6 of storage "0"');
  expect(await of({ shape: [2, 4], strides: [4, 1] })).toContain('reaches to element 7');
  expect(await of({ strides: [4, 1] })).toContain('reaches to element 6');
  expect(await of({ shape: [7], strides: [1] })).toContain('reaches to element 6');
  expect(await of({ shape: [], strides: [], offset: 6 })).toContain('reaches to element 6');
  expect(await of({ shape: [0], strides: [1], offset: 7 })).toContain('within its 6 elements');
});

test('element counts and addresses that overflow 32, 53 and 64 bits are refused', async () => {
  const of = (parts: Parameters<typeof tensorOps>[0]) => refusal(op.dict({ weight: tensorOps(parts) }));
  expect(await of({ shape: [65_536, 65_536], strides: [65_536, 1] })).toContain('reaches to element');
  expect(await of({ shape: [2 ** 31, 2 ** 31, 2], strides: [1, 1, 1] })).toContain('fewer elements');
  expect(await of({ shape: [2n ** 62n, 4n], strides: [0, 0] })).toContain('as one of the sizes');
  expect(await of({ strides: [2n ** 62n, 1] })).toContain('as one of the strides');
  expect(await of({ strides: [2 ** 53 - 1, 1] })).toContain('reaches to element');
  expect(await of({ offset: 2n ** 63n - 1n })).toContain('as one of the offset');
});

test('negative strides, sizes and offsets are refused', async () => {
  const of = (parts: Parameters<typeof tensorOps>[0]) => refusal(op.dict({ weight: tensorOps(parts) }));
  expect(await of({ strides: [-3, 1], offset: 3 })).toContain('the number -3 as one of the strides of a tensor');
  expect(await of({ shape: [-2, -3] })).toContain('the number -2 as one of the sizes');
  expect(await of({ offset: -1 })).toContain('the number -1 as one of the offset');
});

test('tensors that repeat numbers or leave gaps are refused by name, and the message says how to save them', async () => {
  const of = (parts: Parameters<typeof tensorOps>[0]) => refusal(op.dict({ weight: tensorOps(parts) }));
  const contiguous = 'call .contiguous() on it in PyTorch and save it again';
  for (const strides of [
    [0, 1],
    [1, 1],
    [3, 0],
  ]) {
    const message = await of({ strides });
    expect(message).toContain('tensor "weight": found a tensor that repeats its numbers');
    expect(message).toContain(contiguous);
  }
  expect(await of({ shape: [2, 2] })).toContain('a tensor with gaps between its numbers');
  expect(await of({ shape: [3], strides: [2] })).toContain(contiguous);
});

test('axis bomb, missing strides, fractional sizes and things that are no sizes are refused', async () => {
  const of = (parts: Parameters<typeof tensorOps>[0]) => refusal(op.dict({ weight: tensorOps(parts) }));
  const ones = new Array<number>(17).fill(1);
  expect(await of({ shape: ones, strides: ones })).toContain('a tensor with 17 axes');
  expect(await of({ strides: [1] })).toContain('2 sizes and 1 strides');
  const rebuild = op.global('torch._utils', '_rebuild_tensor_v2');
  const half = `G\x3f\xe0\0\0\0\0\0\0`;
  expect(
    await refusal(`${rebuild}${op.tuple(storageOps(), op.integer(0), op.tuple(half), op.tuple(half))}R`),
  ).toContain('the number 0.5 as one of the sizes');
  expect(await refusal(`${rebuild}${op.tuple(storageOps(), op.integer(0), 'N', 'N')}R`)).toContain('None as sizes');
  expect(await refusal(`${rebuild})R`)).toContain('a tensor of nothing');
  expect(await refusal(`${rebuild}${op.tuple('N')}R`)).toContain('a tensor of None');
});

test('many tensors over the same large storage would be read again and again: refused', async () => {
  const tensors = Array.from({ length: 40 }, (_, i) => [
    `t${i}`,
    tensorOps({ count: 1000, offset: i, shape: [960], strides: [1] }),
  ]);
  expect(await refusal(op.dict(Object.fromEntries(tensors)), { 0: Buffer.alloc(4000) })).toContain(
    'tensors that share less',
  );
});

test('tensors of types that nothing here can hold, sparse and quantised ones are refused by name', async () => {
  const complex = tensorOps({ type: 'ComplexFloatStorage', count: 3, shape: [3], strides: [1] });
  expect(await refusal(op.dict({ weight: complex }))).toContain('tensor "weight": found the element type complex64');
  expect(await refusal(op.global('torch._utils', '_rebuild_sparse_tensor'))).toContain('which is a sparse tensor,');
  expect(await refusal(op.global('torch._utils', '_rebuild_qtensor'))).toContain('which is a quantised tensor,');
});

test('a checkpoint without a state dict, with two and with other things among its tensors is refused', async () => {
  const weights = op.dict({ weight: tensorOps() });
  expect(await refusal('}')).toContain('an empty dict');
  expect(await refusal('N')).toContain('found None');
  expect(await refusal(tensorOps())).toContain('a single tensor');
  expect(await refusal(op.dict({ epoch: 'K\x01', name: op.text('RN50') }))).toContain('a dict of "epoch", "name"');
  expect(await refusal(op.dict({ one: weights, two: weights }))).toContain('expected one state dict only');
  expect(await refusal(op.dict({ a: tensorOps(), b: tensorOps(), c: 'N' }))).toContain('"c": found None');
  expect(await refusal(op.dict({ state_dict: op.dict({ a: tensorOps(), b: tensorOps(), c: ']' }) }))).toContain(
    'entry "state_dict": "c": found a list, expected a tensor',
  );
  expect(await refusal(op.dict({ ['n'.repeat(2000)]: tensorOps() }))).toContain('a name of 2000 characters');
});

test('one large dict under very many keys is searched once', async () => {
  const keys = Array.from({ length: 40_000 }, (_, i) => `k${i}`);
  const large = op.dict(Object.fromEntries(keys.map((key) => [key, 'N'])));
  const outer = keys.map((key, i) => op.text(key) + (i === 0 ? `${large}q\x00` : 'h\x00'));
  expect(await refusal(`}(${outer.join('')}u`)).toContain('a dict of "k0", "k1"');
});

test('before 1.6: lies about storages, their order and their sizes are refused', async () => {
  const weights = op.dict({ weight: tensorOps() });
  const six = { count: 6, data: sixFloats };
  expect(await refusalOf(legacyOf(`cos\nsystem\n)R`))).toContain('found the global os.system at byte');
  expect(await refusalOf(legacyOf(weights, []))).toContain('no storage "0"');
  expect(await refusalOf(legacyOf(weights, ['0', '0'], [six, six]))).toContain('every storage once');
  expect(await refusalOf(legacyOf(weights, ['0', '1'], [six, six]))).toContain('differs from those in use');
  expect(await refusalOf(legacyOf(weights, ['0'], [{ count: 5, data: sixFloats }]))).toContain('5 elements');
  expect(await refusalOf(legacyOf(weights, ['0'], [{ count: -1, data: sixFloats }]))).toContain('elements');
  expect(await refusalOf(legacyOf(weights, ['0'], [{ count: 6, data: sixFloats.subarray(1) }]))).toContain('cut short');
  expect(await refusalOf(legacyOf(weights, ['0'], [six, six]))).toContain('32 bytes after the last storage');
  expect(await refusalOf(legacyOf(op.dict({ weight: tensorOps({ count: 2 ** 50 }) })))).toContain('cut short');
  const many = Array.from({ length: 30_001 }, (_, i) => String(i));
  expect(await refusalOf(legacyOf(weights, many, []))).toContain('30001 storages, expected at most 30000');
});

test('before 1.6: another magic number, version or byte order is refused', async () => {
  const honest = legacyOf(op.dict({ weight: tensorOps() }));
  const changed = (offset: number, byte: number) => {
    const bytes = Buffer.from(honest);
    bytes[offset] = byte;
    return bytes;
  };
  expect(await refusalOf(changed(5, 0))).toContain('without the mark of torch.save');
  expect(await refusalOf(pickleOf('N'))).toContain('without the mark of torch.save');
  expect(await refusalOf(changed(honest.indexOf(raw('\x8a\x09')) + 2, 1))).toContain('an unknown version');
  expect(await refusalOf(changed(honest.indexOf(0x88), 0x89))).toContain('a file of a big-endian machine');
  expect(await refusalOf(Buffer.alloc(0))).toContain('the end of the pickle');
});
