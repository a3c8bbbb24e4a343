/** @file The engine's interface: compile a graph, run it, keep its state, release it. */
import type { Graph } from '../graph/graph.ts';
import type { Tensor } from '../tensor/tensor.ts';

export const devices = ['cpu', 'webgpu', 'cuda'] as const;
export type Device = (typeof devices)[number];

export interface EngineOptions {
  readonly device: Device;
  /** Threads of one operation. */
  readonly threads: number;
}

export type Tensors = Readonly<Record<string, Tensor>>;

/** One compiled graph: forward and backward in one ONNX Runtime session. */
export interface Program {
  /** Runs once. `feeds` holds all inputs but the state; the result holds all outputs but the state. */
  run(feeds: Tensors): Promise<Record<string, Tensor>>;
  /** Puts values into the state inputs; they stay in the engine until the next run replaces them. */
  writeState(values: Tensors): Promise<void>;
  readState(): Promise<Record<string, Tensor>>;
  /** Frees the program once all who compiled an equal graph have released theirs. */
  release(): Promise<void>;
}

export interface Engine {
  readonly options: EngineOptions;
  /** Compiling an equal graph again gives the same program with its state (cache by graph hash). */
  compile(graph: Graph): Promise<Program>;
  /** Waits for the run in progress, releases everything, ends the worker. */
  close(): Promise<void>;
}

/** Compiles a graph for as long as `use` takes, and releases the program whatever happens. */
export async function withProgram<T>(engine: Engine, graph: Graph, use: (program: Program) => Promise<T>): Promise<T> {
  const program = await engine.compile(graph);
  try {
    return await use(program);
  } finally {
    await program.release();
  }
}
