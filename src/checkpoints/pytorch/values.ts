/** @file What a pickle can say: Python's values as inert data. Nothing here has behaviour. */
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
  /** Numbers and strings are the same key if they are equal; containers only if they are one and the same. */
  readonly entries: Map<PyValue, PyValue>;
  /** An `OrderedDict` has attributes as well (`_metadata` of a state dict); a plain dict has none. */
  readonly hasAttributes: boolean;
}

/** Nobody looks into sets, so what is in them is not kept. */
export interface PySet {
  readonly kind: 'set';
}

/** A function or class of the allowlist, mentioned and perhaps called later. */
export interface PyGlobal {
  readonly kind: 'global';
  /** Module and name, as error messages show them: `torch._utils._rebuild_tensor_v2`. */
  readonly name: string;
  readonly meaning: Meaning;
}

/** Something whose class is known to be harmless and whose content is of no interest: a device, a NumPy array, a module. */
export interface PyObject {
  readonly kind: 'object';
  readonly type: string;
  state: PyValue | undefined;
}

/** A run of numbers in the file, which tensors are views of. */
export interface PyStorage {
  readonly kind: 'storage';
  readonly key: string;
  /** Undefined: bytes, to which every tensor gives a type of its own. */
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

/** Makes the error for what stands at the opcode that is being executed. */
export type Refuse = (found: string, expected: string, advice?: string) => Error;

/**
 * Counts values that a call copies, like containers. Arguments can be given again by their names alone: a call that
 * copied them for nothing would make a small file large.
 */
export type Charge = (values: number) => void;

/** What the allowlist knows of a global. */
export interface Meaning {
  /** What calling it gives. Left out where it may only be mentioned, as an argument of something else. */
  readonly call?: (args: readonly PyValue[], refuse: Refuse, charge: Charge) => PyValue;
  /** It is the class of storages of this type, or of bytes without a type. */
  readonly storage?: ElementType | 'bytes';
  /** It is an element type by itself (`torch.float32`). */
  readonly dtype?: ElementType;
}

export function tuple(items: readonly PyValue[]): PyTuple {
  return { kind: 'tuple', items };
}

export function dict(hasAttributes: boolean): PyDict {
  return { kind: 'dict', entries: new Map(), hasAttributes };
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

/** A value in an error message: what it is, not what it holds. */
export function described(value: PyValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (typeof value !== 'object') return typeof value === 'string' ? 'a string' : `the ${typeof value} ${value}`;
  if (value instanceof Uint8Array) return 'bytes';
  if (value.kind === 'global') return value.name;
  return value.kind === 'object' ? `an object of ${value.type}` : `a ${value.kind}`;
}
