/** @file A compiled graph for callers: checks feeds and state, and sends the work to the worker. */
import { internalError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { nextOf, type OnnxModel } from '../graph/onnx.ts';
import type { TensorType } from '../graph/value.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { EngineOptions, Program, Tensors } from './engine.ts';
import { placeExternalData } from './external-data.ts';
import { checkComplete, checkTensors, copyTensors } from './feeds.ts';
import type { SentTensors, StateNames } from './messages.ts';
import type { WorkerClient } from './worker-client.ts';

/** Compiles `model`, made from `graph`. The worker knows the program by its `number`. */
export async function loadProgram(
  worker: WorkerClient,
  number: number,
  graph: Graph,
  model: OnnxModel,
  { device, threads }: EngineOptions,
): Promise<Program> {
  const { names, inputs, types } = stateOf(graph, model);
  await worker.request({
    kind: 'compile',
    program: number,
    ...(await placeExternalData(model.bytes, model.files)),
    state: names,
    device,
    threads,
  });
  const written = new Set<string>();
  let released = false;
  const checkUsable = () => {
    if (released) throw internalError('program', 'a call after its release', 'none');
  };

  return {
    async run(feeds) {
      checkUsable();
      checkTensors('feed', feeds, inputs);
      checkComplete('feed', feeds, inputs);
      for (const name of Object.keys(types)) {
        if (!written.has(name)) throw internalError(`state "${name}"`, 'nothing', 'writeState before the first run');
      }
      const { copies, buffers } = copyTensors(feeds);
      return fromWorker(await worker.request({ kind: 'run', program: number, feeds: copies }, buffers));
    },
    async writeState(values) {
      checkUsable();
      checkTensors('state', values, types);
      const { copies, buffers } = copyTensors(values);
      await worker.request({ kind: 'writeState', program: number, values: copies }, buffers);
      for (const name of Object.keys(values)) written.add(name);
    },
    async readState() {
      checkUsable();
      return fromWorker(await worker.request({ kind: 'readState', program: number }));
    },
    async release() {
      if (released) return;
      released = true;
      await worker.request({ kind: 'release', program: number });
    },
  };
}

interface StateOf {
  readonly names: StateNames;
  /** Inputs that callers feed: all but the state. */
  readonly inputs: Readonly<Record<string, TensorType>>;
  /** Type of each state. */
  readonly types: Readonly<Record<string, TensorType>>;
}

function stateOf(graph: Graph, model: OnnxModel): StateOf {
  const names: Record<string, { input: string; output: string }> = {};
  const types: Record<string, TensorType> = {};
  const inputs = { ...model.inputs };
  for (const [name, { input }] of Object.entries(graph.state ?? {})) {
    if (input.operation.kind !== 'input') {
      throw internalError(`state "${name}"`, `a value computed by ${input.operation.kind}`, 'an input');
    }
    const inputName = input.operation.attributes.name;
    names[name] = { input: inputName, output: nextOf(name) };
    types[name] = { shape: input.shape, type: input.type };
    delete inputs[inputName];
  }
  return { names, inputs, types };
}

function fromWorker(tensors: SentTensors): Record<string, Tensor> {
  return tensors as Tensors as Record<string, Tensor>;
}
