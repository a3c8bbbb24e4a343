/**
 * @file The pickle machine: a stack, a memo, and one handler per opcode. It builds inert values. It can name functions
 * and call those of the allowlist, but has no way to run a program.
 */

import { shown } from '../../tensor/safetensors-header.ts';
import { type OpcodeName, opcodeNames } from './opcodes.ts';
import { argumentLimits, PickleBytes, type PickleSource } from './pickle-bytes.ts';
import {
  type Charge,
  described,
  dict,
  isKind,
  type Meaning,
  type PyValue,
  type Refuse,
  setItem,
  tuple,
} from './values.ts';

/** Limits of a pickle. Together they bound time to about a second and memory to some hundred MB. */
export const pickleLimits = {
  /** A tensor costs some 40 opcodes: a CLIP with its optimiser stays below 100,000, and 50,000 tensors fit. */
  opcodes: 2_000_000,
  /** Lists, tuples, dicts, sets and objects, which cost more memory than bytes in the file. A tensor takes 7. */
  containers: 500_000,
  /** Python numbers memoised values consecutively; a tensor takes some 12. A larger number would leave gaps. */
  memo: 1_000_000,
  /** Python writes lists and dicts in pieces of 1,000; only tuples and TorchScript's lists lie here as a whole. */
  stack: 200_000,
  /** Python's own pickler gives up at 1,000 nested objects. */
  nesting: 1_000,
} as const;

/** The meaning of names and persistent ids: the allowlist, and the storages of one file. */
export interface Interpretation {
  /** Undefined for a global that is not on the allowlist. */
  readonly global: (module: string, name: string) => Meaning | undefined;
  /** Why a global is refused, if there is more to say than its absence from the allowlist. */
  readonly reason: (module: string, name: string) => string | undefined;
  readonly persistent: (id: PyValue, refuse: Refuse) => PyValue;
}

/**
 * Interprets the pickle that begins at `start`.
 *
 * @returns its value, and the offset of the byte after it
 * @throws AntidoteError (data) that names the refused thing and its byte in the file
 */
export function runPickle(
  source: PickleSource,
  start: number,
  interpretation: Interpretation,
): { value: PyValue; end: number } {
  const machine = new Machine(source, start, interpretation);
  return { value: machine.run(), end: machine.bytes.at };
}

type Handler = (machine: Machine) => void;

class Machine {
  readonly bytes: PickleBytes;
  readonly #interpretation: Interpretation;
  readonly #stack: PyValue[] = [];
  /** Heights of the stack at which marks were set. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PyValue>();
  readonly #start: number;
  #containers = 0;

  constructor(source: PickleSource, start: number, interpretation: Interpretation) {
    this.bytes = new PickleBytes(source, start);
    this.#interpretation = interpretation;
    this.#start = start;
  }

  run(): PyValue {
    for (let count = 0; count < pickleLimits.opcodes; count++) {
      const byte = this.bytes.opcode();
      const name = opcodeNames[byte];
      if (name === undefined) throw this.refuse(`0x${byte.toString(16).padStart(2, '0')}`, 'an opcode of pickle');
      if (name === 'STOP') return this.#result();
      handlers[name](this);
    }
    throw this.refuse(`more than ${pickleLimits.opcodes} opcodes`, 'fewer', resave);
  }

  #result(): PyValue {
    if (this.#marks.length > 0 || this.#stack.length !== 1)
      throw this.refuse(`STOP with ${this.#stack.length} values on the stack`, 'exactly one');
    return this.pop();
  }

  readonly refuse: Refuse = (found, expected, advice) => this.bytes.refuse(found, expected, advice);

  readonly #charge: Charge = (values) => {
    const { containers } = pickleLimits;
    this.#containers += values;
    if (this.#containers > containers)
      throw this.refuse(`more than ${containers} containers and objects`, 'fewer', resave);
  };

  push(value: PyValue): void {
    if (typeof value === 'object' && value !== null) this.#charge(1);
    this.pushKnown(value);
  }

  /** Pushes a value that was counted when it was made: this copies only a reference. */
  pushKnown(value: PyValue): void {
    const { stack } = pickleLimits;
    if (this.#stack.length === stack) throw this.refuse(`more than ${stack} values on the stack`, 'fewer', resave);
    this.#stack.push(value);
  }

  /** Takes the topmost value; a mark protects the values below it. */
  pop(): PyValue {
    const floor = this.#marks.at(-1) ?? 0;
    if (this.#stack.length <= floor) throw this.refuse('an empty stack', 'a value for this opcode');
    return this.#stack.pop()!;
  }

  /** The topmost value, which stays on the stack. */
  top(): PyValue {
    const value = this.pop();
    this.#stack.push(value);
    return value;
  }

  mark(): void {
    const { nesting } = pickleLimits;
    if (this.#marks.length === nesting) throw this.refuse(`more than ${nesting} open marks`, 'less nesting', resave);
    this.#marks.push(this.#stack.length);
  }

  /** Takes everything down to the last mark, and the mark. */
  popToMark(): PyValue[] {
    const height = this.#marks.pop();
    if (height === undefined) throw this.refuse('no mark on the stack', 'a mark for this opcode');
    return this.#stack.splice(height);
  }

  /** Python keeps marks on the stack, where POP takes them as well. */
  popValueOrMark(): void {
    if (this.#marks.at(-1) === this.#stack.length) this.#marks.pop();
    else this.pop();
  }

  remember(index: number | bigint): void {
    const { memo } = pickleLimits;
    if (index < 0 || index >= memo) throw this.refuse(`memo entry ${index}`, `entries 0 to ${memo - 1}`, resave);
    this.#memo.set(Number(index), this.top());
  }

  rememberNext(): void {
    this.remember(this.#memo.size);
  }

  recall(index: number | bigint): void {
    const value = this.#memo.get(Number(index));
    if (value === undefined) throw this.refuse(`memo entry ${index}, which is empty`, 'one that was filled');
    this.pushKnown(value);
  }

  protocol(): void {
    const version = this.bytes.uint1();
    if (version > 5) throw this.refuse(`pickle protocol ${version}`, 'protocols 0 to 5');
    if (this.bytes.opcodeAt !== this.#start)
      throw this.refuse('PROTO in the middle of a pickle', 'it at the start', 'a second pickle may be hidden there');
  }

  pushGlobal(module: string, name: string): void {
    const meaning = this.#interpretation.global(module, name);
    const full = `${module}.${name}`;
    if (meaning === undefined) {
      const reason = this.#interpretation.reason(module, name);
      throw this.refuse(
        `the global ${/^[\w.]{1,100}$/.test(full) ? full : shown(full)}${reason === undefined ? '' : `, which is ${reason},`}`,
        'only what a state dict is made of',
        'PyTorch could run code on loading this file; if you trust its source, save state_dict() alone and use that',
      );
    }
    this.push({ kind: 'global', name: full, meaning });
  }

  /** A global by two strings from the stack. */
  pushStackGlobal(): void {
    const name = this.pop();
    const module = this.pop();
    if (typeof module !== 'string' || typeof name !== 'string')
      throw this.refuse(`${described(module)} and ${described(name)} as a global`, 'two strings');
    // The limit is that of lines: long strings could be looked up again and again by their memo numbers.
    const { lineBytes } = argumentLimits;
    if (module.length > lineBytes || name.length > lineBytes)
      throw this.refuse(`a global whose name has ${module.length + name.length} characters`, 'a shorter one');
    this.pushGlobal(module, name);
  }

  call(callee: PyValue, args: readonly PyValue[]): void {
    if (!isKind(callee, 'global')) throw this.refuse(`a call of ${described(callee)}`, 'a call of a global');
    if (callee.meaning.call === undefined) throw this.refuse(`a call of ${callee.name}`, 'it to be mentioned only');
    this.push(callee.meaning.call(args, this.refuse, this.#charge));
  }

  /** Takes arguments that come as one tuple. */
  popArguments(): readonly PyValue[] {
    const args = this.pop();
    if (!isKind(args, 'tuple')) throw this.refuse(`${described(args)} as arguments`, 'a tuple');
    return args.items;
  }

  /** Gives the object below it a state, which is only data. */
  build(): void {
    const state = this.pop();
    const target = this.top();
    if (isKind(target, 'object')) {
      if (target.state !== undefined) throw this.refuse(`a second state for ${described(target)}`, 'one');
      target.state = state;
      return;
    }
    const attributes = isKind(target, 'dict') && target.hasAttributes && isKind(state, 'dict');
    if (!attributes) throw this.refuse(`${described(state)} as the state of ${described(target)}`, 'an object');
  }

  setItems(pairs: readonly PyValue[]): void {
    const target = this.top();
    if (!isKind(target, 'dict')) throw this.refuse(`items set in ${described(target)}`, 'a dict');
    if (pairs.length % 2 !== 0) throw this.refuse('a key without a value', 'pairs');
    for (let i = 0; i < pairs.length; i += 2) {
      const key = pairs[i]!;
      if (!setItem(target, key, pairs[i + 1]!))
        throw this.refuse(`the key ${typeof key === 'string' ? shown(key) : described(key)} twice`, 'every key once');
    }
  }

  append(items: readonly PyValue[]): void {
    const target = this.top();
    if (!isKind(target, 'list')) throw this.refuse(`items added to ${described(target)}`, 'a list');
    for (const item of items) target.items.push(item);
  }

  /** Items of a set, which keeps none. */
  passItems(): void {
    this.popToMark();
    const target = this.top();
    if (!isKind(target, 'set')) throw this.refuse(`items added to ${described(target)}`, 'a set');
  }

  persistent(id: PyValue): void {
    this.push(this.#interpretation.persistent(id, this.refuse));
  }

  pushDict(pairs: readonly PyValue[]): void {
    this.push(dict(false));
    this.setItems(pairs);
  }

  pushTuple(size: number): void {
    const items: PyValue[] = [];
    for (let i = 0; i < size; i++) items.push(this.pop());
    this.push(tuple(items.reverse()));
  }
}

const resave = 'save the state dict alone, without logs and data';

function refuseExtension(machine: Machine): never {
  throw machine.refuse('an extension code', 'globals by their names', 'what it stands for is not in the file');
}

function refuseBuffer(machine: Machine): never {
  throw machine.refuse('an out-of-band buffer', 'all data in the file');
}

/** Exhaustive by its type: a forgotten opcode does not compile. */
const handlers: Readonly<Record<Exclude<OpcodeName, 'STOP'>, Handler>> = {
  PROTO: (m) => m.protocol(),
  FRAME: (m) => m.bytes.frame(m.bytes.uint8()),

  NONE: (m) => m.push(null),
  NEWTRUE: (m) => m.push(true),
  NEWFALSE: (m) => m.push(false),
  INT: (m) => m.push(m.bytes.decimalOrBoolean()),
  LONG: (m) => m.push(m.bytes.decimal()),
  BININT: (m) => m.push(m.bytes.int4()),
  BININT1: (m) => m.push(m.bytes.uint1()),
  BININT2: (m) => m.push(m.bytes.uint2()),
  LONG1: (m) => m.push(m.bytes.integer(m.bytes.uint1())),
  LONG4: (m) => m.push(m.bytes.integer(m.bytes.uint4())),
  FLOAT: (m) => m.push(m.bytes.decimalFraction()),
  BINFLOAT: (m) => m.push(m.bytes.float8()),

  STRING: (m) => m.push(m.bytes.quotedLine()),
  BINSTRING: (m) => m.push(m.bytes.textOrRaw(m.bytes.uint4())),
  SHORT_BINSTRING: (m) => m.push(m.bytes.textOrRaw(m.bytes.uint1())),
  UNICODE: (m) => m.push(m.bytes.escapedLine()),
  BINUNICODE: (m) => m.push(m.bytes.text(m.bytes.uint4())),
  SHORT_BINUNICODE: (m) => m.push(m.bytes.text(m.bytes.uint1())),
  BINUNICODE8: (m) => m.push(m.bytes.text(m.bytes.uint8())),
  BINBYTES: (m) => m.push(m.bytes.raw(m.bytes.uint4())),
  SHORT_BINBYTES: (m) => m.push(m.bytes.raw(m.bytes.uint1())),
  BINBYTES8: (m) => m.push(m.bytes.raw(m.bytes.uint8())),
  BYTEARRAY8: (m) => m.push(m.bytes.raw(m.bytes.uint8())),
  NEXT_BUFFER: refuseBuffer,
  READONLY_BUFFER: refuseBuffer,

  MARK: (m) => m.mark(),
  POP: (m) => m.popValueOrMark(),
  POP_MARK: (m) => {
    m.popToMark();
  },
  DUP: (m) => m.pushKnown(m.top()),
  PUT: (m) => m.remember(m.bytes.decimal()),
  BINPUT: (m) => m.remember(m.bytes.uint1()),
  LONG_BINPUT: (m) => m.remember(m.bytes.uint4()),
  MEMOIZE: (m) => m.rememberNext(),
  GET: (m) => m.recall(m.bytes.decimal()),
  BINGET: (m) => m.recall(m.bytes.uint1()),
  LONG_BINGET: (m) => m.recall(m.bytes.uint4()),

  EMPTY_TUPLE: (m) => m.pushTuple(0),
  TUPLE1: (m) => m.pushTuple(1),
  TUPLE2: (m) => m.pushTuple(2),
  TUPLE3: (m) => m.pushTuple(3),
  TUPLE: (m) => m.push(tuple(m.popToMark())),
  EMPTY_LIST: (m) => m.push({ kind: 'list', items: [] }),
  LIST: (m) => m.push({ kind: 'list', items: m.popToMark() }),
  APPEND: (m) => m.append([m.pop()]),
  APPENDS: (m) => m.append(m.popToMark()),
  EMPTY_DICT: (m) => m.pushDict([]),
  DICT: (m) => m.pushDict(m.popToMark()),
  SETITEM: (m) => {
    const value = m.pop();
    m.setItems([m.pop(), value]);
  },
  SETITEMS: (m) => m.setItems(m.popToMark()),
  EMPTY_SET: (m) => m.push({ kind: 'set' }),
  FROZENSET: (m) => {
    m.popToMark();
    m.push({ kind: 'set' });
  },
  ADDITEMS: (m) => m.passItems(),

  GLOBAL: (m) => m.pushGlobal(m.bytes.line(), m.bytes.line()),
  STACK_GLOBAL: (m) => m.pushStackGlobal(),
  EXT1: refuseExtension,
  EXT2: refuseExtension,
  EXT4: refuseExtension,
  REDUCE: (m) => {
    const args = m.popArguments();
    m.call(m.pop(), args);
  },
  NEWOBJ: (m) => {
    const args = m.popArguments();
    m.call(m.pop(), args);
  },
  NEWOBJ_EX: (m) => {
    const named = m.pop();
    if (!isKind(named, 'dict') || named.entries.size + named.otherKeys.size > 0)
      throw m.refuse('a call with arguments by name', 'arguments by position');
    const args = m.popArguments();
    m.call(m.pop(), args);
  },
  INST: (m) => {
    m.pushGlobal(m.bytes.line(), m.bytes.line());
    const callee = m.pop();
    m.call(callee, m.popToMark());
  },
  OBJ: (m) => {
    const [callee, ...args] = m.popToMark();
    if (callee === undefined) throw m.refuse('a call of nothing', 'a call of a global');
    m.call(callee, args);
  },
  BUILD: (m) => m.build(),
  PERSID: (m) => m.persistent(m.bytes.line()),
  BINPERSID: (m) => m.persistent(m.pop()),
};
