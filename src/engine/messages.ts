/** @file Messages between the engine and its worker. Types only: the worker is plain JavaScript. */
import type { DType, Shape } from '../tensor/tensor.ts';
import type { Device } from './engine.ts';

/** A tensor as it is sent between threads. */
export interface SentTensor {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly data: ArrayBufferView<ArrayBuffer>;
}

export type SentTensors = Readonly<Record<string, SentTensor>>;

/** By name of a state: the input that it feeds, and the output that replaces it after a run. */
export type StateNames = Readonly<Record<string, { readonly input: string; readonly output: string }>>;

export interface CompileRequest {
  readonly kind: 'compile';
  /** The ONNX model; its external data lies in `folder`. */
  readonly bytes: Uint8Array;
  readonly folder: string | undefined;
  readonly state: StateNames;
  readonly device: Device;
  readonly threads: number;
}

export type Request =
  | (CompileRequest & { readonly program: number })
  | { readonly kind: 'run'; readonly program: number; readonly feeds: SentTensors }
  | { readonly kind: 'writeState'; readonly program: number; readonly values: SentTensors }
  | { readonly kind: 'readState'; readonly program: number }
  | { readonly kind: 'release'; readonly program: number };

/** `close` has no reply: the worker releases everything and ends. */
export type Message = (Request & { readonly id: number }) | { readonly kind: 'close' };

/** One for every request, in the order of the requests. */
export interface Reply {
  readonly id: number;
  readonly tensors?: SentTensors;
  /** What went wrong, in ONNX Runtime's words. */
  readonly error?: string;
}
