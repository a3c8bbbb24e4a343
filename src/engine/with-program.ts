/** @file A program for as long as it is used. */
import type { Graph } from '../graph/graph.ts';
import type { Engine, Program } from './engine.ts';

/** Compiles, uses, and releases whatever happens. */
export async function withProgram<T>(engine: Engine, graph: Graph, use: (program: Program) => Promise<T>): Promise<T> {
  const program = await engine.compile(graph);
  try {
    return await use(program);
  } finally {
    await program.release();
  }
}
