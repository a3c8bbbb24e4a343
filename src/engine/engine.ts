/** @file What the rest of the project sees of the machine: compile a graph, run it, keep its state, let it go. */
import type { Graph } from '../graph/graph.ts';
import type { Tensor } from '../tensor/tensor.ts';

export type Device = 'cpu' | 'webgpu' | 'cuda';

export interface EngineOptions {
  readonly device: Device;
  /** Threads of one operation. */
  readonly threads: number;
}

export type Tensors = Readonly<Record<string, Tensor>>;

/** One compiled graph: forward and backward in one ONNX Runtime session. */
export interface Program {
  /** Runs once. `feeds` has every input that is not state; the result has every output that is not state. */
  run(feeds: Tensors): Promise<Record<string, Tensor>>;
  /** Puts values into the state inputs; they stay in the engine until the next run replaces them. */
  writeState(values: Tensors): Promise<void>;
  readState(): Promise<Record<string, Tensor>>;
  release(): Promise<void>;
}

export interface Engine {
  readonly options: EngineOptions;
  /** Compiling an equal graph again returns the same program (cache by graph hash). */
  compile(graph: Graph): Promise<Program>;
  /** Waits for the run in progress, releases everything, ends the worker. */
  close(): Promise<void>;
}
