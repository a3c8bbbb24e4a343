/** @file The engine: ONNX Runtime in a worker thread, and one program for equal graphs. */
import { stat } from 'node:fs/promises';
import type { Graph } from '../graph/graph.ts';
import { type OnnxModel, toOnnx } from '../graph/onnx.ts';
import { fileProblem } from '../tensor/file-problem.ts';
import type { Engine, EngineOptions, Program } from './engine.ts';
import { internal } from './engine-error.ts';
import { loadProgram } from './program.ts';
import { startWorker } from './worker-client.ts';

interface Shared {
  readonly program: Promise<Program>;
  /** Calls of `compile` that no call of `release` has answered yet. */
  holders: number;
}

/**
 * Starts an engine. Its thread does not keep the process alive while there is nothing to do; `close` ends it.
 *
 * Programs are shared by everyone who compiles an equal graph, and so is their state: write it before the first run.
 * A program is let go when all who compiled it have released it.
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const worker = startWorker();
  const cache = new Map<string, Shared>();
  let programs = 0;
  let closed = false;

  async function load(graph: Graph, model: OnnxModel, key: string): Promise<Program> {
    const program = await loadProgram(worker, programs++, graph, model, options);
    return {
      ...program,
      async release() {
        const shared = cache.get(key);
        if (!shared || --shared.holders > 0) return;
        cache.delete(key);
        await program.release();
      },
    };
  }

  return {
    options,
    async compile(graph) {
      if (closed) throw internal('engine', 'compile after close', 'an open engine');
      const model = toOnnx(graph);
      const key = `${model.hash} ${await versionsOf(Object.values(model.files))}`;
      let shared = cache.get(key);
      if (!shared) {
        shared = { program: load(graph, model, key), holders: 0 };
        cache.set(key, shared);
      }
      shared.holders++;
      try {
        return await shared.program;
      } catch (error) {
        if (cache.get(key) === shared) cache.delete(key);
        throw error;
      }
    },
    async close() {
      closed = true;
      await worker.close();
    },
  };
}

/** The hash of a graph names its weight files; a file that has been written anew since then is another one. */
async function versionsOf(paths: readonly string[]): Promise<string> {
  const versions = paths.map(async (path) => {
    try {
      const { ino, size, mtimeNs } = await stat(path, { bigint: true });
      return `${ino}-${size}-${mtimeNs}`;
    } catch (error) {
      throw fileProblem(path, error);
    }
  });
  return (await Promise.all(versions)).join();
}
