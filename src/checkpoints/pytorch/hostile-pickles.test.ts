/** @file Hostile pickles: every known way to execute code, to exhaust memory or to run forever, by its name. */
import { expect, test } from 'vitest';
import { temporaryFolder } from '../../tensor/files/temporary-folder.test-support.ts';
import { op, pickleOf, raw, tensorOps } from './archive.test-support.ts';
import { argumentLimits } from './pickle-bytes.ts';
import { pickleLimits } from './pickle-machine.ts';
import { refusalsIn } from './refusal.test-support.ts';

const { refusal } = refusalsIn(temporaryFolder());

/** Start of the pickle: after the header of the first entry and its name. */
const start = 30 + 'archive/data.pkl'.length;
const at = (offset: number) => `at byte ${start + offset}`;

const command = op.tuple(op.text('touch /tmp/owned'));
test.each([
  ['REDUCE', `${op.global('os', 'system')}${command}R`, 'os.system', 2],
  ['REDUCE, by its name on Linux', `${op.global('posix', 'system')}${command}R`, 'posix.system', 2],
  ['INST', `(${op.text('id')}ios\nsystem\n`, 'os.system', 10],
  ['OBJ', `(${op.global('os', 'system')}${op.text('id')}o`, 'os.system', 3],
  ['NEWOBJ', `${op.global('os', 'system')}${command}\x81`, 'os.system', 2],
  ['NEWOBJ_EX', `${op.global('os', 'system')}${command}}\x92`, 'os.system', 2],
  ['STACK_GLOBAL', `\x8c\x02os\x8c\x06system\x93${command}R`, 'os.system', 14],
  ['BUILD', `${op.global('os', 'system')}${op.dict({ __setstate__: op.text('id') })}b`, 'os.system', 2],
])('os.system by %s is refused, and named with its offset', async (_, ops, name, offset) => {
  expect(await refusal(ops)).toContain(`FILE: found the global ${name} ${at(offset)}, expected only what`);
});

test.each([
  'builtins eval',
  'builtins exec',
  'builtins getattr',
  'builtins __import__',
  '__builtin__ apply',
  'subprocess Popen',
  'runpy _run_code',
  'importlib import_module',
  'operator attrgetter',
  'functools partial',
  'types CodeType',
  'torch load',
  'torch hub.load',
  'torch.serialization load',
  'torch.jit load',
  'torch.utils.data DataLoader',
  'pickle loads',
  '_pickle loads',
  'torch.storage _load_from_bytes',
  'numpy load',
  'numpy.testing._private.utils runstring',
  'copyreg add_extension',
  'collections namedtuple',
  'pip main',
  'webbrowser open',
  '__main__ Payload',
  '__torch__ Module',
  'OrderedDict collections',
])('the global %s is refused', async (global) => {
  const [module, name] = global.split(' ') as [string, string];
  expect(await refusal(`${op.global(module, name)})R`)).toContain(`found the global ${module}.${name}`);
});

test('a dotted name that leads from an allowed module to another is refused', async () => {
  for (const [module, name] of [
    ['torch._utils', '_rebuild_tensor_v2.__globals__'],
    ['collections', 'OrderedDict.__init__'],
    ['torch', 'serialization.os.system'],
    ['torch', '_utils._rebuild_tensor_v2'],
  ] as const)
    expect(await refusal(`${op.text(module)}${op.text(name)}\x93)R`)).toContain(`the global ${module}.${name}`);
});

test('a global that is named but never called is refused as well', async () => {
  expect(await refusal(`${op.global('os', 'system')}0${op.dict({ weight: tensorOps() })}`)).toContain('os.system');
});

test('a global with spaces, new names for prototypes or nothing in its name is refused', async () => {
  for (const [module, name] of [
    ['torch FloatStorage', ''],
    ['', 'torch FloatStorage'],
    ['__proto__', 'x'],
    ['constructor', ''],
    ['', 'constructor'],
    ['', ''],
  ] as const)
    expect(await refusal(op.global(module, name))).toContain('the global');
});

test('__reduce__ chains: what a call returns cannot be called, nor the name of a class that is only mentioned', async () => {
  const ordered = `${op.global('collections', 'OrderedDict')})R`;
  expect(await refusal(`${ordered})R`)).toContain('a call of a dict');
  expect(await refusal(`${op.global('torch', 'device')}${command}R)R`)).toContain(
    'a call of an object of torch.device',
  );
  expect(await refusal(`${op.text('os.system')}${command}R`)).toContain('a call of a string');
  expect(await refusal(`N)R`)).toContain('a call of None');
  expect(await refusal(`${op.global('builtins', 'object')})R`)).toContain('a call of builtins.object');
  expect(await refusal(`${op.global('torch', 'FloatStorage')})R`)).toContain('a call of torch.FloatStorage');
});

test('functions that rebuild something by another function accept only those of tensors', async () => {
  const from = op.global('torch._tensor', '_rebuild_from_type_v2');
  const encode = op.global('_codecs', 'encode');
  expect(await refusal(`${from}${op.tuple(encode, op.global('torch', 'Tensor'), ')', 'N')}R`)).toContain(
    'a tensor rebuilt by _codecs.encode',
  );
  const reconstructor = op.global('copyreg', '_reconstructor');
  expect(await refusal(`${reconstructor}${op.tuple(op.global('builtins', 'object'), 'N', 'N')}R`)).toContain(
    'an object of builtins.object',
  );
});

test('nested pickles are refused: bytes stay bytes, and the function that would load them is not allowed', async () => {
  const inner = raw(`B${String.fromCharCode(10)}\0\0\0\x80\x02cos\nsys.`).toString('latin1');
  expect(await refusal(`${op.global('torch.storage', '_load_from_bytes')}${inner}\x85R`)).toContain(
    'the global torch.storage._load_from_bytes, which is a pickle within the pickle,',
  );
  expect(
    await refusal(Buffer.concat([pickleOf(op.dict({ weight: tensorOps() })), pickleOf('cos\nsystem\n)R')])),
  ).toContain('bytes after the pickle');
});

test('a pickle hidden after a second PROTO is refused', async () => {
  expect(await refusal(`N0\x80\x04N`)).toContain(`PROTO in the middle of a pickle ${at(4)}`);
});

test('BUILD cannot give a state to numbers, tensors, plain dicts or globals', async () => {
  const state = op.dict({ __class__: op.text('os.system') });
  for (const target of ['N', '}', ']', tensorOps(), op.global('torch', 'device')])
    expect(await refusal(`${target}${state}b`)).toContain('as the state of');
  const device = `${op.global('torch', 'device')})R`;
  expect(await refusal(`${device}${state}b${state}b`)).toContain('a second state');
});

test('extension codes, which stand for globals by number, are refused', async () => {
  for (const code of ['\x82\x01', '\x83\x01\x00', '\x84\x01\x00\x00\x00'])
    expect(await refusal(`${code})R`)).toContain(`an extension code ${at(2)}`);
});

test('out-of-band buffers are refused', async () => {
  expect(await refusal('\x97')).toContain('an out-of-band buffer');
  expect(await refusal('N\x98')).toContain('an out-of-band buffer');
});

test('unknown opcodes and protocols to come are refused', async () => {
  expect(await refusal('\x99')).toContain('0x99');
  expect(await refusal('\0')).toContain('0x00');
  expect(await refusal(raw('\x80\x06N.'))).toContain('pickle protocol 6');
});

test('memo bomb: an entry with a huge number is refused before anything grows', async () => {
  expect(await refusal('Nr\xff\xff\xff\xff')).toContain(`memo entry 4294967295 ${at(3)}`);
  expect(await refusal('Np99999999999999999999\n')).toContain('memo entry 99999999999999999999');
  expect(await refusal('Np-1\n')).toContain('memo entry -1');
});

test('memo: entries that were never filled are refused', async () => {
  for (const get of ['h\x05', 'j\xff\xff\xff\xff', 'g7\n', 'g-1\n']) expect(await refusal(get)).toContain('is empty');
});

test('billion laughs by memo: lists of lists of lists take the memory of their names, and are no state dict', async () => {
  let ops = '](NNNNNNNNNNeq\x00';
  for (let level = 1; level < 200; level++) {
    const again = `h${String.fromCharCode(level - 1)}`.repeat(10);
    ops += `](${again}eq${String.fromCharCode(level)}`;
  }
  const before = process.memoryUsage().heapUsed;
  expect(await refusal(`(${ops}l`)).toContain('a list');
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(50e6);
});

test('a value that contains itself is read, and is no state dict', async () => {
  expect(await refusal(']q\x00(h\x00e')).toContain('a list');
  expect(await refusal(`}q\x00(${op.text('self')}h\x00u`)).toContain('a dict of "self"');
});

test('deep nesting is refused when marks pile up, and takes no recursion where they do not', async () => {
  expect(await refusal('('.repeat(pickleLimits.nesting + 1))).toContain('more than 1000 open marks');
  expect(await refusal(`${']'.repeat(100_000)}${'a'.repeat(99_999)}`)).toContain('a list');
  expect(await refusal(`N${'\x85'.repeat(200_000)}`)).toContain('a tuple');
});

test('stack bomb, container bomb and opcode bomb are refused at their limits', async () => {
  expect(await refusal('N'.repeat(pickleLimits.stack + 1))).toContain(`more than ${pickleLimits.stack} values`);
  expect(await refusal(']0'.repeat(pickleLimits.containers + 1))).toContain(
    `more than ${pickleLimits.containers} containers`,
  );
  expect(await refusal('N0'.repeat(pickleLimits.opcodes))).toContain(`more than ${pickleLimits.opcodes} opcodes`);
});

/** Arguments that a pickle writes once and passes to many calls. */
const givenAgain: readonly [module: string, name: string, args: () => string, message: string][] = [
  ['builtins', 'set', () => op.tuple(op.list('N'.repeat(100_000))), 'a list'],
  ['__builtin__', 'frozenset', () => op.tuple(op.tuple('N'.repeat(100_000))), 'a list'],
  ['_codecs', 'encode', () => op.tuple(op.text('a'.repeat(argumentLimits.stringBytes)), op.text('latin1')), 'a list'],
  ['builtins', 'bytearray', () => op.tuple(op.text('a'.repeat(2 ** 20)), op.text('latin-1')), 'a list'],
  ['torch', 'Size', () => op.tuple(op.list('N'.repeat(100_000))), 'a list'],
  [
    'collections',
    'OrderedDict',
    () => op.tuple(op.list(...Array.from({ length: 1000 }, (_, i) => op.tuple(op.integer(i), 'N')))),
    `more than ${pickleLimits.containers} containers`,
  ],
];

test.each(givenAgain)(
  'copy bomb: %s.%s of the same large argument, called again and again, copies nothing or is refused',
  async (module, name, args, message) => {
    const before = process.memoryUsage();
    const calls = 'h\x00h\x01R'.repeat(5000);
    expect(await refusal(`(${op.global(module, name)}q\x00${args()}q\x01${calls}l`)).toContain(message);
    const after = process.memoryUsage();
    expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(400e6);
  },
);

test('sets and bytes of every form are read past, and a set of anything but a list is refused', async () => {
  const forms = [
    `\x8f(${'N'.repeat(3)}\x90`,
    '(NN\x91',
    `${op.global('builtins', 'set')}${op.tuple(op.list('N'))}R`,
    `${op.global('builtins', 'set')})R`,
    `${op.global('_codecs', 'encode')}${op.tuple(op.text('a'), op.text('latin1'))}R`,
    `${op.global('builtins', 'bytearray')}${op.tuple('C\x01a')}R`,
    `${op.global('builtins', 'bytearray')})R`,
  ];
  expect(await refusal(op.list(...forms))).toContain('a list');
  expect(await refusal(`${op.global('builtins', 'set')}${op.tuple('N')}R`)).toContain('a set of something else');
});

test('a global by two strings has names no longer than those in lines, however often they are looked up', async () => {
  const long = op.text('a'.repeat(argumentLimits.lineBytes + 1));
  expect(await refusal(`${long}${op.text('b')}\x93`)).toContain('a global whose name has 1026 characters');
  expect(await refusal(`${op.text('b')}${long}\x93`)).toContain('a global whose name has 1026 characters');
});

test('long strings: lengths beyond the limit, beyond the file and beyond 2^53 are refused', async () => {
  const { stringBytes, lineBytes } = argumentLimits;
  expect(await refusal('X\xff\xff\xff\xff')).toContain(`a string of 4294967295 bytes ${at(2)}, expected at most`);
  expect(await refusal('B\xff\xff\xff\x7f')).toContain('a string of 2147483647 bytes');
  expect(await refusal('X\0\0\0\x01')).toContain('the end of the pickle within an opcode');
  expect(await refusal('\x8d\xff\xff\xff\xff\xff\xff\xff\xff')).toContain('a length of 18446744073709551615');
  expect(await refusal('\x8e\0\0\0\0\0\0\x01\0')).toContain('a string of 281474976710656 bytes');
  expect(await refusal(`c${'a'.repeat(lineBytes + 1)}\nb\n`)).toContain(`a line of more than ${lineBytes} bytes`);
  expect(await refusal(`S'${'a'.repeat(stringBytes)}'\n`)).toContain('a line of more than');
});

test('long numbers: decimals and binaries that take quadratic time are refused', async () => {
  expect(await refusal(`L${'9'.repeat(900)}L\n`)).toContain('the number');
  expect(await refusal(`\x8b\xff\xff\x00\x00`)).toContain('a number of 65535 bytes');
  expect(await refusal(`\x8b\xff\xff\xff\xff`)).toContain('a number of 4294967295 bytes');
  for (const number of ['I1e5', 'I0x10', 'I', 'L1.5L', 'F1e', 'Fnope', 'F'])
    expect(await refusal(`${number}\n`)).toContain('the number');
});

test('key bomb: numbers that V8 gives one hash are as quick as any', async () => {
  const keys = 50_000;
  // The lowest 64 bits of a long number are all that its hash depends on.
  const long = (i: number) => `\x8a\x0c\x07\0\0\0\0\0\0\0${String.fromCharCode(i & 255, (i >> 8) & 255, i >> 16)}\0N`;
  const pieces = Array.from({ length: keys / 1000 }, (_, piece) =>
    Array.from({ length: 1000 }, (_, i) => long(1000 * piece + i)).join(''),
  );
  expect(await refusal(`}${pieces.map((piece) => `(${piece}u`).join('')}`)).toContain('found a dict of ..., expected');
  // Half a minute where every key is compared with all before it.
}, 10_000);

test('strings that are not UTF-8, without quotes or with characters beyond Unicode are refused', async () => {
  expect(await refusal('X\x02\0\0\0\xc3\x28')).toContain('not UTF-8');
  expect(await refusal('\x8c\x01\xff')).toContain('not UTF-8');
  expect(await refusal('Sno quotes\n')).toContain('without quotes');
  expect(await refusal('V\\U00110000\n')).toContain('the character 1114112');
});

test('an empty stack, a missing mark and values left over are refused', async () => {
  for (const ops of ['0', '2', 'R', 'b', '\x81', '\x85', '\x92', '\x93', 's', 'a', 'q\0', '\x94', 'Q'])
    expect(await refusal(ops)).toContain(`an empty stack ${at(2)}`);
  for (const ops of ['t', 'l', 'd', 'e', 'u', '1', 'o', '\x90', '\x91'])
    expect(await refusal(ops)).toContain(`no mark on the stack ${at(2)}`);
  expect(await refusal('')).toContain('STOP with 0 values');
  expect(await refusal('NN')).toContain('STOP with 2 values');
  expect(await refusal('(N')).toContain('STOP with 1 values');
  expect(await refusal('N(0)R')).toContain('a call of None');
  // A mark protects what lies below it.
  expect(await refusal('N(\x85')).toContain('an empty stack');
});

test('items for the wrong kind of container, keys without values and keys that come twice are refused', async () => {
  expect(await refusal('}Na')).toContain('items added to a dict');
  expect(await refusal(']NNs')).toContain('items set in a list');
  expect(await refusal('](N\x90')).toContain('items added to a list');
  expect(await refusal('}(Nu')).toContain('a key without a value');
  expect(await refusal(`}(${op.text('a')}N${op.text('a')}Nu`)).toContain('the key "a" twice');
});

test('frames that reach beyond the pickle are refused', async () => {
  expect(await refusal(raw('\x80\x04\x95\xff\0\0\0\0\0\0\0N.'))).toContain('a frame of 255 bytes');
});

test('a pickle that is cut short anywhere is refused', async () => {
  const whole = pickleOf(op.dict({ weight: tensorOps() }));
  for (let length = 0; length < whole.length; length += 7) await refusal(whole.subarray(0, length));
});
