/** @file The values of a pickle: Python's values as inert data, without behaviour. */
import type { ElementType } from './element-types.ts';

export type PyValue =
  | null
  | boolean
  | number
  /** A whole number that a double cannot hold exactly. */
  | bigint
  | string
  | Uint8Array
  | PyTuple
  | PyList
  | PyDict
  | PySet
  | PyGlobal
  | PyObject
  | PyStorage
  | PyTensor;

export interface PyTuple {
  readonly kind: 'tuple';
  readonly items: readonly PyValue[];
}

export interface PyList {
  readonly kind: 'list';
  readonly items: PyValue[];
}

export interface PyDict {
  readonly kind: 'dict';
  /** What lies under names. */
  readonly entries: Map<string, PyValue>;
  /**
   * All other keys; what lies under them is never read, and not kept. Numbers are kept as text: V8 hashes text with a
   * secret and numbers without, so that a file could choose a thousand numbers of one hash.
   */
  readonly otherKeys: Set<PyValue>;
  /** An `OrderedDict` has attributes as well (`_metadata` of a state dict); a plain dict has none. */
  readonly hasAttributes: boolean;
}

/** Sets are never read, so their items are not kept. */
export interface PySet {
  readonly kind: 'set';
}

/** A function or class of the allowlist, as a value that may be called later. */
export interface PyGlobal {
  readonly kind: 'global';
  /** Module and name, as error messages show them: `torch._utils._rebuild_tensor_v2`. */
  readonly name: string;
  readonly meaning: Meaning;
}

/** An object of a harmless class whose content does not matter: a device, a NumPy array, a module. */
export interface PyObject {
  readonly kind: 'object';
  readonly type: string;
  state: PyValue | undefined;
}

/** A run of numbers in the file; tensors are views of it. */
export interface PyStorage {
  readonly kind: 'storage';
  readonly key: string;
  /** Undefined: untyped bytes, to which each tensor gives a type. */
  readonly type: ElementType | undefined;
  readonly bytes: number;
}

export interface PyTensor {
  readonly kind: 'tensor';
  readonly storage: PyStorage;
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** Distance between neighbours along each axis, in elements. */
  readonly strides: readonly number[];
  /** First element within the storage. */
  readonly start: number;
}

/** Makes the error for the current opcode. */
export type Refuse = (found: string, expected: string, advice?: string) => Error;

/**
 * Counts values that a call copies, like containers. A pickle can pass the same arguments again by reference: uncounted
 * copies would turn a small file into much memory.
 */
export type Charge = (values: number) => void;

/** The allowlist's entry for a global. */
export interface Meaning {
  /** The result of a call. Left out if the global may only be an argument of other calls. */
  readonly call?: (args: readonly PyValue[], refuse: Refuse, charge: Charge) => PyValue;
  /** Set for a class of storages: its element type, or untyped bytes. */
  readonly storage?: ElementType | 'bytes';
  /** Set for an element type (`torch.float32`). */
  readonly dtype?: ElementType;
}

export function tuple(items: readonly PyValue[]): PyTuple {
  return { kind: 'tuple', items };
}

export function dict(hasAttributes: boolean): PyDict {
  return { kind: 'dict', entries: new Map(), otherKeys: new Set(), hasAttributes };
}

/**
 * Sets an item of a dict. Equal numbers and strings are the same key; containers only if they are identical.
 *
 * @returns false if the key is there already
 */
export function setItem(target: PyDict, key: PyValue, value: PyValue): boolean {
  if (typeof key === 'string') {
    if (target.entries.has(key)) return false;
    target.entries.set(key, value);
    return true;
  }
  const kept = typeof key === 'object' && key !== null ? key : described(key);
  if (target.otherKeys.has(kept)) return false;
  target.otherKeys.add(kept);
  return true;
}

export function object(type: string): PyObject {
  return { kind: 'object', type, state: undefined };
}

type Kinded = PyTuple | PyList | PyDict | PySet | PyGlobal | PyObject | PyStorage | PyTensor;

export function isKind<K extends Kinded['kind']>(
  value: PyValue | undefined,
  kind: K,
): value is Extract<Kinded, { readonly kind: K }> {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}

/** A value in an error message: its kind, not its content. */
export function described(value: PyValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (typeof value !== 'object') return typeof value === 'string' ? 'a string' : `the ${typeof value} ${value}`;
  if (value instanceof Uint8Array) return 'bytes';
  if (value.kind === 'global') return value.name;
  return value.kind === 'object' ? `an object of ${value.type}` : `a ${value.kind}`;
}
