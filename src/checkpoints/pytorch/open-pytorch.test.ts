import { copyFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { storedParameters } from '../../clip/parameters.ts';
import { openEngine } from '../../engine/ort-engine.ts';
import { add } from '../../graph/elementwise.ts';
import { input, weight } from '../../graph/leaves.ts';
import { temporaryFolder } from '../../tensor/files/temporary-folder.test-support.ts';
import { openSafetensors, readTensor } from '../../tensor/safetensors.ts';
import { sha256OfFile } from '../../tensor/sha256.ts';
import { float32, type StoredTensor, type Tensor } from '../../tensor/tensor.ts';
import { checkFinite } from '../finite.ts';
import { openWeights } from '../weights.ts';
import { weightsKind } from '../weights-kind.ts';
import {
  entriesOf,
  legacyOf,
  op,
  pickleOf,
  savingIn,
  sixFloats,
  storageOps,
  tensorOps,
  zipOf,
} from './archive.test-support.ts';
import { type Container, openPytorch } from './open-pytorch.ts';

const fixtures = fileURLToPath(new URL('../../../test/fixtures/pytorch', import.meta.url));
const folder = temporaryFolder();
const saved = savingIn(folder);

async function numbersOf(tensors: ReadonlyMap<string, StoredTensor>): Promise<Map<string, unknown>> {
  const read = new Map<string, unknown>();
  for (const [name, tensor] of tensors) {
    const { dtype, shape, data }: Tensor = await readTensor(tensor);
    read.set(name, { stored: tensor.dtype, dtype, shape, data: [...data] });
  }
  return read;
}

/** The content of a file according to make.py. Each name begins with `prefix`. */
interface Written {
  readonly file: string;
  readonly container: Container;
  readonly expected: 'expected.safetensors' | 'expected-model.safetensors';
  readonly entry?: string;
  readonly prefix?: string;
  /** It was written in half precision, in which these numbers are exact. */
  readonly half?: boolean;
}

const written: readonly Written[] = [
  { file: 'bare.pt', container: 'zip', expected: 'expected.safetensors' },
  { file: 'protocol-4.pt', container: 'zip', expected: 'expected.safetensors' },
  { file: 'unchecked.pt', container: 'zip', expected: 'expected.safetensors' },
  { file: 'legacy.pt', container: 'legacy', expected: 'expected.safetensors' },
  { file: 'legacy-protocol-1.pt', container: 'legacy', expected: 'expected.safetensors' },
  {
    file: 'training.pt',
    container: 'zip',
    expected: 'expected-model.safetensors',
    entry: 'state_dict',
    prefix: 'module.',
  },
  {
    file: 'legacy-training.pt',
    container: 'legacy',
    expected: 'expected-model.safetensors',
    entry: 'state_dict',
    prefix: 'module.',
  },
  { file: 'scripted.pt', container: 'torchscript', expected: 'expected-model.safetensors', half: true },
];

const versions = (await readdir(fixtures)).filter((name) => /^\d/.test(name)).sort();

test('there are files of four versions of PyTorch', () => {
  expect(versions).toEqual(['1.13', '1.6', '2.1', '2.15']);
});

test.each(versions)('every tensor of every file that PyTorch %s wrote is the one in safetensors', async (version) => {
  const present = await readdir(join(fixtures, version));
  expect(written.map(({ file }) => file)).toEqual(expect.arrayContaining(present));
  for (const { file, container, expected, entry, prefix = '', half } of written) {
    if (!present.includes(file)) continue;
    const opened = await openPytorch(join(fixtures, version, file));
    expect(opened.container, file).toBe(container);
    expect(opened.entry, file).toBe(entry);
    const truth = await numbersOf((await openSafetensors(join(fixtures, expected))).tensors);
    const found = await numbersOf(opened.tensors);
    expect([...found.keys()].sort()).toEqual([...truth.keys()].map((name) => prefix + name).sort());
    for (const [name, tensor] of truth) {
      const isHalf = half && (tensor as { stored: string }).stored === 'float32';
      expect(found.get(prefix + name), `${file}: ${name}`).toEqual(
        isHalf ? { ...(tensor as object), stored: 'float16' } : tensor,
      );
    }
  }
});

test.each(versions)(
  'weights of PyTorch %s are opened by content, hashed, and their checksums compared',
  async (version) => {
    for (const file of ['training.pt', 'scripted.pt', 'legacy-training.pt']) {
      const path = join(folder(), `${version}-${file}.safetensors`);
      await copyFile(join(fixtures, version, file), path);
      const { tensors, sha256 } = await openWeights(path);
      expect(tensors.size).toBe(16);
      expect(sha256).toBe(await sha256OfFile(path));
    }
    const damaged = await readFile(join(fixtures, version, 'training.pt'));
    const { tensors } = await openPytorch(join(fixtures, version, 'training.pt'));
    const { offset } = tensors.get('module.conv1.weight')!;
    damaged[offset]! ^= 1;
    await expect(openWeights(await saved(damaged))).rejects.toThrow(
      /data\/\d+": found the CRC-32 [0-9a-f]{8}, expected [0-9a-f]{8}, as when it was written/,
    );
  },
);

test('safetensors called .pt are opened as safetensors', async () => {
  const path = join(folder(), 'model.pt');
  await copyFile(join(fixtures, 'expected-model.safetensors'), path);
  expect((await openWeights(path)).tensors.size).toBe(16);
});

test('other files than weights are refused by kind: a pointer of Git LFS, a web page, a packed file, unknown ones', async () => {
  const refused = async (start: string | Buffer) => {
    const bytes = Buffer.concat([Buffer.from(start), Buffer.alloc(100, ' ')]);
    return weightsKind(await saved(bytes)).catch((error: Error) => error.message);
  };
  expect(await refused('version https://git-lfs.github.com/spec/v1\noid sha256:0')).toContain('git lfs pull');
  expect(await refused('<!DOCTYPE html><html>')).toContain('a web page');
  expect(await refused('\n<html>')).toContain('a web page');
  expect(await refused(Buffer.of(0x1f, 0x8b, 8))).toContain('gzip');
  expect(await refused('GGUF')).toContain('GGUF');
  expect(await refused('hello')).toContain('a file of an unknown kind');
  await expect(weightsKind(await saved(Buffer.alloc(0)))).rejects.toThrow('an empty file');
  await expect(weightsKind(folder())).rejects.toThrow('found a folder');
  await expect(weightsKind(join(folder(), 'missing'))).rejects.toThrow('no such file');
});

test('a safetensors header whose length looks like a pickle or an archive is safetensors', async () => {
  for (const length of [0x0280, 0x04034b50]) {
    const start = Buffer.alloc(9);
    start.writeBigUInt64LE(BigInt(length));
    start[8] = 0x7b;
    expect(await weightsKind(await saved(start))).toBe('safetensors');
  }
});

test('tied tensors are two names for the same bytes', async () => {
  const { tensors } = await openPytorch(join(fixtures, '2.15', 'bare.pt'));
  expect(tensors.get('tied.a')).toEqual(tensors.get('tied.b'));
});

test('a transposed matrix stays in its file, with the order of its axes there', async () => {
  const { tensors } = await openPytorch(join(fixtures, '2.15', 'bare.pt'));
  expect(tensors.get('transposed')).toMatchObject({ shape: [5, 3], axes: [1, 0] });
  expect(tensors.get('channels_last')).toMatchObject({ shape: [2, 3, 4, 5], axes: [0, 2, 3, 1] });
  expect(tensors.get('slice.rows')).not.toHaveProperty('axes');
});

test('ONNX Runtime maps tensors of archives and of legacy files: at odd offsets, transposed, in half precision', async () => {
  const sources: [string, string][] = [];
  for (const file of ['bare.pt', 'legacy.pt'])
    for (const name of ['types.float32', 'types.float16', 'transposed', 'channels_last', 'slice.rows', 'scalar'])
      sources.push([join(fixtures, '2.15', file), name]);
  // Before 1.6 nothing was aligned: one of these two lies at an odd offset.
  for (const name of ['a', 'bb']) sources.push([await saved(legacyOf(op.dict({ [name]: tensorOps() }))), name]);
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const offsets: number[] = [];
  try {
    for (const [path, name] of sources) {
      const tensor = (await openPytorch(path)).tensors.get(name)!;
      offsets.push(tensor.offset);
      const program = await engine.compile({ outputs: { y: add(weight(tensor), input('zero', [])) } });
      const { y } = await program.run({ zero: float32([0], []) });
      const { shape, data } = await readTensor(tensor);
      expect({ shape: y!.shape, data: [...y!.data] }, `${path}: ${name}`).toEqual({ shape, data: [...data] });
      await program.release();
    }
    // Rows of a transposed matrix are no piece of the file.
    const tensor = (await openPytorch(join(fixtures, '2.15', 'bare.pt'))).tensors.get('transposed')!;
    const value = storedParameters(new Map([['w', { kind: 'stored', tensor }]]));
    const program = await engine.compile({ outputs: { y: add(value('w', { from: 1, to: 3 }), input('zero', [])) } });
    const { y } = await program.run({ zero: float32([0], []) });
    expect({ shape: y!.shape, data: [...y!.data] }).toEqual({
      shape: [2, 3],
      data: [...(await readTensor(tensor)).data].slice(3, 9),
    });
  } finally {
    await engine.close();
  }
  expect(offsets.some((offset) => offset % 2 === 1)).toBe(true);
});

test('state dicts are found under the names that training code uses, and a single one under any name', async () => {
  const weights = op.dict({ weight: tensorOps() });
  const entryOf = async (ops: string) => (await openPytorch(await saved(zipOf(entriesOf(pickleOf(ops)))))).entry;
  expect(await entryOf(weights)).toBeUndefined();
  for (const name of ['state_dict', 'model_state_dict', 'model', 'module', 'net', 'weights', 'clip'])
    expect(await entryOf(op.dict({ epoch: 'K\x01', [name]: weights, best: 'N' }))).toBe(name);
  // Known names win over others, the more specific over the less.
  expect(await entryOf(op.dict({ ema: weights, model: weights, state_dict: weights }))).toBe('state_dict');
  expect(await entryOf(op.dict({ model: op.dict({ width: 'K\x01' }), weights }))).toBe('weights');
});

test('protocol 5, shared values, sets, bytes and numbers of every opcode are accepted', async () => {
  const values = [
    ...['N', '\x88', '\x89', 'I01\n', 'I00\n', 'I-7\n', 'L123456789012345678901234567890L\n', 'F1.5\n', 'F-inf\n'],
    ...['J\xff\xff\xff\xff', 'K\x01', 'M\x01\x02', '\x8a\0', '\x8b\x02\0\0\0\x01\x02', `G\x3f\xf0\0\0\0\0\0\0`],
    ...["S'quoted \\x41 \\n'\n", 'T\x02\0\0\0\xff\xfe', 'U\x01a', 'V\\u00e9t\\U0001f98b\n', 'X\x02\0\0\0\xc3\xa9'],
    ...['\x8c\x01a', '\x8d\x01\0\0\0\0\0\0\0a', 'B\x01\0\0\0a', 'C\x01a', '\x8e\x01\0\0\0\0\0\0\0a'],
    ...['\x96\x01\0\0\0\0\0\0\0a', ')', 'N\x85', 'NN\x86', 'NNN\x87', '(NNt', ']', '(NNl', ']Na', '}', '(NNd', '}NNs'],
    ...[
      '\x8f(NN\x90',
      '(NN\x91',
      '(N1N',
      'N2\x86',
      'N\x940N',
      'Np77\n',
      'g77\n',
      '(cargparse\nNamespace\no',
      '(iargparse\nNamespace\n',
    ],
    ...[
      `${op.global('argparse', 'Namespace')})\x81${op.dict({ lr: 'K\x01' })}b`,
      `\x8c\x08argparse\x8c\x09Namespace\x93)}\x92`,
    ],
  ];
  const frame = '\x95\x01\0\0\0\0\0\0\0';
  const ops = op.dict({ state_dict: op.dict({ weight: tensorOps() }), rest: op.list(...values) });
  const bytes = zipOf(entriesOf(Buffer.from(`\x80\x05${frame}${ops}.`, 'latin1')));
  expect((await openPytorch(await saved(bytes))).tensors.size).toBe(1);
});

test('tensors of every form of rebuilding are read: parameters, with attributes, by type of their own', async () => {
  const size = [op.integer(0), op.tuple(op.integer(2)), op.tuple(op.integer(1)), '\x89', ')'];
  const v2 = op.global('torch._utils', '_rebuild_tensor_v2');
  const v3 = op.global('torch._utils', '_rebuild_tensor_v3');
  const untyped = storageOps({ count: 24 }).replace('ctorch\nFloatStorage', 'ctorch.storage\nUntypedStorage');
  const plain = tensorOps();
  const forms: Record<string, string> = {
    oldest: `${op.global('torch._utils', '_rebuild_tensor')}${op.tuple(storageOps(), ...size.slice(0, 3))}R`,
    parameter: `${op.global('torch._utils', '_rebuild_parameter')}${op.tuple(plain, '\x88', ')')}R`,
    stateful: `${op.global('torch._utils', '_rebuild_parameter_with_state')}${op.tuple(plain, '\x88', ')', '}')}R`,
    attributes: `${op.global('torch._tensor', '_rebuild_from_type_v2')}${op.tuple(v2, op.global('torch', 'Tensor'), op.tuple(storageOps(), ...size), '}')}R`,
  };
  const { tensors } = await openPytorch(await saved(zipOf(entriesOf(pickleOf(op.dict(forms))))));
  for (const name of Object.keys(forms)) expect(tensors.get(name)?.dtype, name).toBe('float32');
  const bytes = op.dict({ typed: `${v3}${op.tuple(untyped, ...size, op.global('torch', 'float16'))}R` });
  const typed = (await openPytorch(await saved(zipOf(entriesOf(pickleOf(bytes)))))).tensors.get('typed');
  expect(typed).toMatchObject({ dtype: 'float16', shape: [2], length: 4 });
});

test('a TorchScript archive gives the tensors of its modules by their path, and a module that contains itself is refused', async () => {
  const constants = { name: 'archive/constants.pkl', data: pickleOf(')') };
  const module = (name: string, state: string) => `${op.global(`__torch__.${name}`, 'M')})\x81${state}b`;
  const archive = (ops: string) => saved(zipOf([...entriesOf(pickleOf(ops)), constants]));
  const inner = module('inner', op.dict({ weight: tensorOps(), training: '\x88' }));
  const { container, tensors } = await openPytorch(
    await archive(module('outer', op.dict({ '0': inner, p: tensorOps() }))),
  );
  expect(container).toBe('torchscript');
  expect([...tensors.keys()].sort()).toEqual(['0.weight', 'p']);
  const itself = `${op.global('__torch__.x', 'M')})\x81q\0${op.dict({ p: tensorOps(), self: 'h\0' })}b`;
  await expect(openPytorch(await archive(itself))).rejects.toThrow('modules above it');
  await expect(openPytorch(await archive(module('outer', ')')))).rejects.toThrow('a tuple as its state');
  await expect(openPytorch(await archive(`${op.global('os', 'system')})R`))).rejects.toThrow('the global os.system');
  // Twenty modules, each of which has the next one twice, are a million modules to walk through.
  let ops = `${module('leaf', op.dict({ p: tensorOps() }))}q\x00`;
  for (let i = 1; i < 20; i++) {
    const last = `h${String.fromCharCode(i - 1)}`;
    ops = `${ops}0${module('m', op.dict({ a: last, b: last }))}q${String.fromCharCode(i)}`;
  }
  await expect(openPytorch(await archive(ops))).rejects.toThrow('attributes of modules');
});

test('before 1.6: a file made by hand is read', async () => {
  const { container, tensors } = await openPytorch(await saved(legacyOf(op.dict({ weight: tensorOps() }))));
  expect(container).toBe('legacy');
  expect([...(await readTensor(tensors.get('weight')!)).data]).toEqual([
    ...new Float32Array(new Uint8Array(sixFloats).buffer),
  ]);
});

test('a tensor with NaN is refused under its name in the file, with or without an earlier scan', async () => {
  const storage = Buffer.from(Float32Array.of(1, 2, Number.NaN, 4, 5, 6).buffer);
  const path = await saved(zipOf(entriesOf(pickleOf(op.dict({ weight: tensorOps() })), { 0: storage })));
  const { tensors, nonFinite } = await openWeights(path);
  const message = 'tensor "weight": found NaN or infinity at position 2';
  await expect(checkFinite(tensors, nonFinite)).rejects.toThrow(message);
  await expect(checkFinite(tensors)).rejects.toThrow(message);
});
