/** @file Reads the arguments of pickle opcodes: numbers, lines and texts, in sequence and never past the end. */
import { badData } from '../../errors.ts';

/** A pickle in memory, and its source. */
export interface PickleSource {
  readonly path: string;
  readonly bytes: Buffer;
  /** Offset of `bytes` in the file, for errors. */
  readonly offset: number;
}

/** Limits of a single argument. */
export const argumentLimits = {
  /** The longest honest ones are configurations saved with the weights, and states of random generators. */
  stringBytes: 16 * 1024 * 1024,
  /** Lines hold numbers, and names of modules and classes; strings of protocol 0 count as strings. */
  lineBytes: 1024,
  /** PyTorch's magic number has 10 bytes. Parsing long decimals takes quadratic time. */
  integerBytes: 128,
} as const;

export class PickleBytes {
  readonly #source: PickleSource;
  /** Next byte to read. */
  at: number;
  /** First byte of the current opcode. */
  opcodeAt: number;

  constructor(source: PickleSource, start: number) {
    this.#source = source;
    this.at = start;
    this.opcodeAt = start;
  }

  /** The error for the current opcode. */
  refuse(found: string, expected: string, advice?: string): Error {
    const { path, offset } = this.#source;
    return badData(path, `${found} at byte ${offset + this.opcodeAt}`, expected, advice);
  }

  /** Begins the next opcode. */
  opcode(): number {
    this.opcodeAt = this.at;
    return this.uint1();
  }

  uint1(): number {
    return this.#source.bytes.readUInt8(this.#advance(1));
  }

  uint2(): number {
    return this.#source.bytes.readUInt16LE(this.#advance(2));
  }

  uint4(): number {
    return this.#source.bytes.readUInt32LE(this.#advance(4));
  }

  int4(): number {
    return this.#source.bytes.readInt32LE(this.#advance(4));
  }

  uint8(): number {
    const value = this.#source.bytes.readBigUInt64LE(this.#advance(8));
    if (value > Number.MAX_SAFE_INTEGER) throw this.refuse(`a length of ${value}`, 'one within the file');
    return Number(value);
  }

  /** Big-endian, unlike all others. */
  float8(): number {
    return this.#source.bytes.readDoubleBE(this.#advance(8));
  }

  /** A whole number of `length` bytes in two's complement. */
  integer(length: number): number | bigint {
    const limit = argumentLimits.integerBytes;
    if (length > limit) throw this.refuse(`a number of ${length} bytes`, `at most ${limit}`);
    const start = this.#advance(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.#source.bytes[start + i]!);
    return fitted(BigInt.asIntN(8 * length, value));
  }

  /** A line of text without its end, which is one byte in all protocols. */
  line(limit: number = argumentLimits.lineBytes): string {
    const { bytes } = this.#source;
    const window = bytes.subarray(this.at, this.at + limit + 1);
    const length = window.indexOf(0x0a);
    if (length < 0 && window.length > limit) throw this.refuse(`a line of more than ${limit} bytes`, 'a shorter one');
    const start = this.#advance(length < 0 ? window.length + 1 : length + 1);
    return bytes.toString('latin1', start, start + length);
  }

  decimal(): number | bigint {
    return this.#decimal(this.line());
  }

  /** Protocols 0 and 1 write booleans as 00 and 01, which no number is written as. */
  decimalOrBoolean(): number | bigint | boolean {
    const text = this.line();
    return text === '00' ? false : text === '01' ? true : this.#decimal(text);
  }

  #decimal(text: string): number | bigint {
    // 128 bytes hold 308 decimal digits.
    const digits = /^([+-]?)(\d{1,308})L?$/.exec(text);
    if (!digits) throw this.refuse(`the number ${JSON.stringify(text.slice(0, 40))}`, 'a whole number of sane size');
    const value = BigInt(digits[2]!);
    return fitted(digits[1] === '-' ? -value : value);
  }

  decimalFraction(): number {
    const text = this.line();
    const special = { nan: Number.NaN, inf: Number.POSITIVE_INFINITY, '-inf': Number.NEGATIVE_INFINITY };
    if (Object.hasOwn(special, text)) return special[text as keyof typeof special];
    if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text))
      throw this.refuse(`the number ${JSON.stringify(text.slice(0, 40))}`, 'a decimal fraction');
    return Number(text);
  }

  /** A string of Python 2 in the form of its `repr`: in quotes, unusual bytes escaped. */
  quotedLine(): string {
    const quoted = /^(['"])(.*)\1$/.exec(this.line(argumentLimits.stringBytes))?.[2];
    if (quoted === undefined) throw this.refuse('a string without quotes', 'one in quotes');
    return quoted.replace(/\\(?:x([0-9a-fA-F]{2})|(.))/g, (_, hex: string | undefined, one: string) =>
      hex === undefined ? (escapes[one] ?? `\\${one}`) : String.fromCharCode(Number.parseInt(hex, 16)),
    );
  }

  /** Text in Python's codec `raw-unicode-escape`. */
  escapedLine(): string {
    const line = this.line(argumentLimits.stringBytes);
    return line.replace(/\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/g, (_, short: string | undefined, long: string) => {
      const code = Number.parseInt(short ?? long, 16);
      if (code > 0x10ffff) throw this.refuse(`the character ${code}`, 'one of Unicode');
      return String.fromCodePoint(code);
    });
  }

  /** A copy of bytes, so that the pickle's memory can be freed. */
  raw(length: number): Uint8Array {
    const start = this.#string(length);
    return new Uint8Array(this.#source.bytes.subarray(start, start + length));
  }

  text(length: number): string {
    const start = this.#string(length);
    const text = utf8(this.#source.bytes, start, start + length);
    if (text === undefined) throw this.refuse('a string that is not UTF-8', 'text');
    return text;
  }

  /** A string of Python 2, which may be text or bytes. */
  textOrRaw(length: number): string | Uint8Array {
    const start = this.#string(length);
    const { bytes } = this.#source;
    return utf8(bytes, start, start + length) ?? new Uint8Array(bytes.subarray(start, start + length));
  }

  /** Checks that a frame of this length lies within the pickle; its contents are read as if there were no frame. */
  frame(length: number): void {
    if (length > this.#source.bytes.length - this.at)
      throw this.refuse(`a frame of ${length} bytes`, 'one that ends within the pickle');
  }

  #string(length: number): number {
    const limit = argumentLimits.stringBytes;
    if (length > limit) throw this.refuse(`a string of ${length} bytes`, `at most ${limit}`);
    return this.#advance(length);
  }

  /** Skips `length` bytes and returns their start. */
  #advance(length: number): number {
    const start = this.at;
    if (length > this.#source.bytes.length - start)
      throw this.refuse('the end of the pickle within an opcode', 'the rest of it', 'the file is cut short or damaged');
    this.at = start + length;
    return start;
  }
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\\': '\\', "'": "'", '"': '"' };

/** As a double if that is exact. */
function fitted(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function utf8(bytes: Buffer, start: number, end: number): string | undefined {
  let at = start;
  while (at < end && bytes[at]! < 0x80) at++;
  if (at === end) return bytes.toString('latin1', start, end);
  const text = bytes.toString('utf8', start, end);
  if (!text.includes('\ufffd')) return text;
  // Either malformed or the replacement character itself: only the slow decoder distinguishes them.
  try {
    return decoder.decode(bytes.subarray(start, end));
  } catch {
    return undefined;
  }
}
