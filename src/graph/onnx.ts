/** @file From a graph to an ONNX model: equal operations merged, weights left in their files, bytes reproducible. */
import { internalError } from '../errors.ts';
import { sha256 } from '../tensor/sha256.ts';
import { type StoredTensor, showType } from '../tensor/tensor.ts';
import { topologicalOrder } from './gradients.ts';
import type { Graph } from './graph.ts';
import { encodeModel, type OnnxGraph, type OnnxInitializer, type OnnxNode } from './onnx-file.ts';
import { type Operation, ruleAndUse } from './operations.ts';
import type { Emitter } from './rule.ts';
import type { TensorType } from './value.ts';

export interface OnnxModel {
  readonly bytes: Uint8Array;
  /** SHA-256 over the bytes and the paths of the weight files: equal graphs over equal paths have equal hashes. */
  readonly hash: string;
  readonly inputs: Readonly<Record<string, TensorType>>;
  /** Named results, and for each state its next value under `nextOf(name)`. */
  readonly outputs: Readonly<Record<string, TensorType>>;
  /** Absolute paths of the weight files by their locations in the model. */
  readonly files: Readonly<Record<string, string>>;
}

/** Name of the output that holds the next value of a state. */
export function nextOf(state: string): string {
  return `next/${state}`;
}

/** A graph as ONNX nodes, before serialisation. */
export interface EmittedGraph extends OnnxGraph {
  /** As in {@link OnnxModel}. */
  readonly files: Readonly<Record<string, string>>;
}

/** Serialises a graph as ONNX. Throws as {@link emitGraph} does. */
export function toOnnx(graph: Graph): OnnxModel {
  const emitted = emitGraph(graph);
  const { inputs, outputs, files } = emitted;
  const bytes = encodeModel(emitted);
  const hash = sha256(`${sha256(bytes)} ${JSON.stringify(files)}`);
  return { bytes, hash, inputs, outputs, files };
}

/**
 * @throws AntidoteError (internal) if two inputs of one name differ, an output has the name of an input, or a state changes its shape.
 */
export function emitGraph(graph: Graph): EmittedGraph {
  const results = new Map(Object.entries(graph.outputs));
  for (const [name, { input, next }] of Object.entries(graph.state ?? {})) {
    const [before, after] = [input, next].map(({ type, shape }) => showType(type, shape));
    if (before !== after) throw internalError(`state ${name}`, `${before} becoming ${after}`, 'one type for all runs');
    results.set(nextOf(name), next);
  }
  const stateInputs = Object.values(graph.state ?? {}).map(({ input }) => input);
  const writer = createWriter();

  const names = new Map<Operation, readonly string[]>();
  const merged = new Map<string, readonly string[]>();
  for (const operation of topologicalOrder([...stateInputs, ...results.values()])) {
    const inputs = operation.inputs.map((value) => names.get(value.operation)![value.output]!);
    const key = JSON.stringify([operation.kind, inputs, operation.attributes], withDigests);
    let outputs = merged.get(key);
    if (!outputs) {
      outputs = emit(operation, inputs, writer.emitter);
      merged.set(key, outputs);
    }
    names.set(operation, outputs);
  }
  for (const [name, value] of results) {
    if (name in writer.inputs)
      throw internalError(`output ${name}`, 'an input of that name', 'names of its own for outputs');
    writer.result(name, names.get(value.operation)![value.output]!);
  }

  const outputs = Object.fromEntries([...results].map(([name, { shape, type }]) => [name, { shape, type }]));
  const { nodes, initializers, inputs, files } = writer;
  return { nodes, initializers, inputs, outputs, files };
}

function emit(operation: Operation, inputs: readonly string[], emitter: Emitter): readonly string[] {
  const { rule, use } = ruleAndUse(operation);
  const names = rule.onnx(emitter, inputs, use);
  return typeof names === 'string' ? [names] : names;
}

/** Replaces the contents of tensors by a digest in the key of an operation. */
function withDigests(_: string, value: unknown): unknown {
  return ArrayBuffer.isView(value) ? sha256(value as Uint8Array) : value;
}

interface Writer {
  readonly emitter: Emitter;
  readonly nodes: OnnxNode[];
  readonly initializers: OnnxInitializer[];
  readonly inputs: Record<string, TensorType>;
  readonly files: Record<string, string>;
  /** Makes the value `name` a result of the model under the name `as`. */
  result(as: string, name: string): void;
}

function createWriter(): Writer {
  const nodes: OnnxNode[] = [];
  const initializers: OnnxInitializer[] = [];
  const inputs: Record<string, TensorType> = {};
  const files: Record<string, string> = {};
  const locations = new Map<string, string>();
  const integerNames = new Map<string, string>();
  let count = 0;
  // The percent sign keeps generated names apart from names of inputs and outputs.
  const fresh = () => `%${count++}`;

  const emitter: Emitter = {
    node: (type, from, attributes = {}) => emitter.nodes(type, from, attributes, 1)[0]!,
    nodes(type, from, attributes, results) {
      const to = Array.from({ length: results }, fresh);
      nodes.push({ type, inputs: from, outputs: to, attributes });
      return to;
    },
    tensor(tensor) {
      const name = fresh();
      initializers.push({ name, tensor });
      return name;
    },
    integers(values) {
      const key = values.join();
      let name = integerNames.get(key);
      if (!name) {
        const data = BigInt64Array.from(values, BigInt);
        name = emitter.tensor({ dtype: 'int64', shape: [values.length], data });
        integerNames.set(key, name);
      }
      return name;
    },
    stored(tensor) {
      const name = fresh();
      initializers.push({ name, tensor, location: locationOf(tensor) });
      return name;
    },
    input(name, { shape, type }) {
      const { [name]: earlier = { shape, type } } = inputs;
      const [before, now] = [showType(earlier.type, earlier.shape), showType(type, shape)];
      if (before !== now) throw internalError(`input ${name}`, `${before} and ${now}`, 'one type for one name');
      inputs[name] = earlier;
      return name;
    },
  };

  function locationOf({ path }: StoredTensor): string {
    let location = locations.get(path);
    if (!location) {
      location = `weights-${locations.size}.safetensors`;
      locations.set(path, location);
      files[location] = path;
    }
    return location;
  }

  function result(as: string, name: string): void {
    // A node for each result, because a value may have two names or be an input. The engine removes it.
    nodes.push({ type: 'Identity', inputs: [name], outputs: [as], attributes: {} });
  }

  return { emitter, nodes, initializers, inputs, files, result };
}
