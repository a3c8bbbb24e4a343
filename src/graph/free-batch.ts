/** @file An ONNX model for any number of pictures, from two graphs of fixed shapes. */
import { type AntidoteError, internalError } from '../errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Graph } from './graph.ts';
import { type EmittedGraph, emitGraph } from './onnx.ts';
import type { OnnxGraph, OnnxInitializer, OnnxNode, OnnxType } from './onnx-file.ts';

export interface FreeBatchGraph extends OnnxGraph<OnnxType> {
  readonly files: Readonly<Record<string, string>>;
}

/** No model has such sizes: where one of them stands in a shape, the batch is meant. */
const counts = [65_521, 65_537] as const;

/**
 * Shapes are static in this project's graphs. For a file that other programs run, the graph is built for two numbers of
 * pictures, and both graphs are compared: they differ only in constants that hold a shape, in which the number is made free.
 *
 * @param build the graph for `count` pictures; has one input, whose first axis they are
 * @param axis name of the free axis in the file
 * @throws AntidoteError (internal) if the number is used by an operation other than in the shape of a reshape or of a
 *   broadcast
 */
export function withFreeBatch(build: (count: number) => Graph, axis: string): FreeBatchGraph {
  const [one, other] = [emitGraph(build(counts[0])), emitGraph(build(counts[1]))];
  const [input, ...others] = Object.keys(one.inputs);
  if (input === undefined || others.length > 0) throw refusal('a graph', `${others.length + 1} inputs`, 'one');
  if (one.nodes.length !== other.nodes.length)
    throw refusal('a graph', `${one.nodes.length} and ${other.nodes.length} operations`, 'as many for any batch');
  const writer = createWriter(input);
  const [constants, constantsOfOther] = [initializersOf(one), initializersOf(other)];
  const names = new Map(Object.keys(one.inputs).map((name) => [name, name]));
  one.nodes.forEach((node, index) => {
    const twin = other.nodes[index]!;
    if (node.type !== twin.type || JSON.stringify(node.attributes) !== JSON.stringify(twin.attributes))
      throw refusal(node.type, 'another operation for another batch', 'the same with other shapes');
    const inputs = node.inputs.map((name, position) => {
      const [value, valueOfOther] = [constants.get(name), constantsOfOther.get(twin.inputs[position]!)];
      if (value && valueOfOther)
        return same(value, valueOfOther) ? name : freed(writer, node, position, value, valueOfOther);
      if (names.get(name) === twin.inputs[position]) return name;
      throw refusal(node.type, 'other inputs for another batch', 'the same');
    });
    node.outputs.forEach((name, i) => {
      names.set(name, twin.outputs[i]!);
    });
    writer.nodes.push({ ...node, inputs });
  });
  const used = new Set(writer.nodes.flatMap(({ inputs }) => inputs));
  return {
    nodes: writer.nodes,
    initializers: [...one.initializers, ...writer.initializers].filter(({ name }) => used.has(name)),
    inputs: freeTypes(one.inputs, other.inputs, axis),
    outputs: freeTypes(one.outputs, other.outputs, axis),
    files: one.files,
  };
}

interface Writer {
  readonly nodes: OnnxNode[];
  readonly initializers: OnnxInitializer[];
  /** A constant list of whole numbers. */
  integers(values: readonly number[]): string;
  /** The number of pictures as a list of one, read at run time. */
  batch(): string;
}

function createWriter(input: string): Writer {
  const nodes: OnnxNode[] = [];
  const initializers: OnnxInitializer[] = [];
  // Emitted names are "%" and a number, so these are new.
  let count = 0;
  let batchName: string | undefined;
  return {
    nodes,
    initializers,
    integers(values) {
      const name = `%free-${count++}`;
      initializers.push({
        name,
        tensor: { dtype: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) },
      });
      return name;
    },
    batch() {
      if (batchName === undefined) {
        batchName = '%batch';
        const attributes = { start: { int: 0 }, end: { int: 1 } };
        nodes.push({ type: 'Shape', inputs: [input], outputs: [batchName], attributes });
      }
      return batchName;
    },
  };
}

/** The shape for any number of pictures in place of a constant one. */
function freed(
  writer: Writer,
  node: OnnxNode,
  position: number,
  value: OnnxInitializer,
  other: OnnxInitializer,
): string {
  const [sizes, sizesOfOther] = [integersOf(value), integersOf(other)];
  if (!sizes || sizes.length !== sizesOfOther?.length || position !== 1)
    throw refusal(node.type, 'a constant that depends on the batch', 'shapes only');
  const free = [...sizes.keys()].filter((i) => sizes[i] !== sizesOfOther[i]);
  const multiples = free.map((i) => sizes[i]! / counts[0]);
  const whole = free.every((i, k) => Number.isInteger(multiples[k]) && sizesOfOther[i] === multiples[k]! * counts[1]);
  if (node.type === 'Reshape' && whole && free.length === 1) return writer.integers(sizes.with(free[0]!, -1));
  if (node.type === 'Expand' && whole && multiples.every((multiple) => multiple === 1)) {
    const parts = sizes.map((size, i) => (free.includes(i) ? writer.batch() : writer.integers([size])));
    const shape = `${parts.join('')}-shape-of-${node.outputs[0]}`;
    writer.nodes.push({ type: 'Concat', inputs: parts, outputs: [shape], attributes: { axis: { int: 0 } } });
    return shape;
  }
  throw refusal(node.type, `[${sizes}] for ${counts[0]} pictures`, 'a shape in which their number stands once');
}

function initializersOf({ initializers }: EmittedGraph): ReadonlyMap<string, OnnxInitializer> {
  return new Map(initializers.map((initializer) => [initializer.name, initializer]));
}

function integersOf({ tensor }: OnnxInitializer): readonly number[] | undefined {
  return 'data' in tensor && tensor.dtype === 'int64' ? Array.from(tensor.data as BigInt64Array, Number) : undefined;
}

function same(a: OnnxInitializer, b: OnnxInitializer): boolean {
  if (a.location !== undefined && b.location !== undefined) {
    const place = ({ path, offset, length, dtype, shape }: typeof a.tensor) =>
      JSON.stringify([path, offset, length, dtype, shape]);
    return place(a.tensor) === place(b.tensor);
  }
  if (a.location !== undefined || b.location !== undefined) return false;
  return (
    a.tensor.dtype === b.tensor.dtype &&
    a.tensor.shape.join() === b.tensor.shape.join() &&
    Buffer.compare(bytesOf(a.tensor), bytesOf(b.tensor)) === 0
  );
}

function bytesOf({ data }: Tensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function freeTypes(
  types: EmittedGraph['inputs'],
  ofOther: EmittedGraph['inputs'],
  axis: string,
): Record<string, OnnxType> {
  return Object.fromEntries(
    Object.entries(types).map(([name, { shape, type }]) => [
      name,
      { type, shape: shape.map((size, i) => (size === ofOther[name]?.shape[i] ? size : axis)) },
    ]),
  );
}

function refusal(where: string, found: string, expected: string): AntidoteError {
  return internalError(`${where}, with a free batch`, found, expected);
}
