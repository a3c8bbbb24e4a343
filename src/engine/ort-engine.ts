/** @file The engine: ONNX Runtime in a worker thread, with one program for equal graphs. */
import { stat } from 'node:fs/promises';
import { badUsage, internalError } from '../errors.ts';
import { mul } from '../graph/elementwise.ts';
import type { Graph } from '../graph/graph.ts';
import { input } from '../graph/leaves.ts';
import { type OnnxModel, toOnnx } from '../graph/onnx.ts';
import { explainingFile } from '../tensor/files/file-problem.ts';
import type { Device, Engine, EngineOptions, Program } from './engine.ts';
import { loadProgram } from './program.ts';
import { startWorker, type WorkerClient } from './worker-client.ts';

interface Shared {
  readonly program: Promise<Program>;
  /** Calls of `compile` minus calls of `release`. */
  holders: number;
}

/** What each device needs. */
const devices: { readonly [D in Device]: string } = {
  cpu: 'nothing but this package',
  webgpu: 'a graphics card with a Vulkan, Metal or DirectX 12 driver',
  cuda: 'Linux on x64, an NVIDIA card, CUDA 12 and the CUDA libraries of onnxruntime-node',
};

/**
 * Starts an engine. Its thread does not keep the process alive while there is nothing to do; `close` ends it.
 *
 * Callers that compile equal graphs share one program and its state: write the state before the first run. The last
 * release frees the program.
 * Throws a usage error if the device cannot be used on this machine.
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const worker = startWorker();
  try {
    if (options.device !== 'cpu') await checkDevice(worker, options);
  } catch (error) {
    await worker.close();
    throw error;
  }
  const cache = new Map<string, Shared>();
  let programs = 0;
  let closed = false;

  const load = (graph: Graph, model: OnnxModel) => loadProgram(worker, programs++, graph, model, options);

  /** The share of one caller, which releases it once, however often it is told to. */
  function heldBy(program: Program, shared: Shared, key: string): Program {
    let held = true;
    return {
      ...program,
      async release() {
        if (!held || closed) return;
        held = false;
        if (--shared.holders > 0) return;
        cache.delete(key);
        await program.release();
      },
    };
  }

  return {
    options,
    async compile(graph) {
      if (closed) throw internalError('engine', 'compile after close', 'an open engine');
      const model = toOnnx(graph);
      const key = `${model.hash} ${await versionsOf(Object.values(model.files))}`;
      let shared = cache.get(key);
      if (!shared) {
        shared = { program: load(graph, model), holders: 0 };
        cache.set(key, shared);
      }
      shared.holders++;
      try {
        return heldBy(await shared.program, shared, key);
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

/** Makes a small session: ONNX Runtime loads a device's libraries, or fails to, with the first one. */
export async function checkDevice(worker: WorkerClient, options: EngineOptions): Promise<void> {
  const graph = { outputs: { y: mul(input('x', [1]), 2) } };
  try {
    const program = await loadProgram(worker, -1, graph, toOnnx(graph), options);
    await program.release();
  } catch (error) {
    throw badUsage(`device ${options.device}`, 'none that ONNX Runtime can use', devices[options.device], {
      advice: 'the README says how, under "GPU"; the device cpu works everywhere',
      cause: error,
    });
  }
}

/** Tells rewritten weight files apart: a graph's hash covers only their paths. */
async function versionsOf(paths: readonly string[]): Promise<string> {
  const versions = paths.map(async (path) => {
    const { ino, size, mtimeNs } = await explainingFile(path, () => stat(path, { bigint: true }));
    return `${ino}-${size}-${mtimeNs}`;
  });
  return (await Promise.all(versions)).join();
}
