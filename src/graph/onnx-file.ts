/** @file The bytes of an ONNX file: nodes, constants, inputs and outputs as protobuf. */
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import type { StoredDType, StoredTensor, Tensor } from '../tensor/tensor.ts';
import type { OnnxAttribute } from './rule.ts';
import type { TensorType, ValueType } from './value.ts';

export interface OnnxNode {
  readonly type: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export type OnnxInitializer =
  | { readonly name: string; readonly tensor: Tensor; readonly location?: never }
  /** `location` is the relative name of the file of `tensor` for the engine. */
  | { readonly name: string; readonly tensor: StoredTensor; readonly location: string };

/** Type of an input or output; an axis with a name instead of a size may have any size. */
export interface OnnxType {
  readonly shape: readonly (number | string)[];
  readonly type: ValueType;
}

export interface OnnxGraph<Type extends OnnxType = TensorType> {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxInitializer[];
  readonly inputs: Readonly<Record<string, Type>>;
  readonly outputs: Readonly<Record<string, Type>>;
}

/** Operator set 20 belongs to ONNX 1.15, whose file format is version 9. */
const OPERATOR_SET = 20n;
const FILE_FORMAT = 9n;

const dataTypes: Readonly<Record<StoredDType, TensorProto_DataType>> = {
  float32: TensorProto_DataType.FLOAT,
  float16: TensorProto_DataType.FLOAT16,
  bfloat16: TensorProto_DataType.BFLOAT16,
  float64: TensorProto_DataType.DOUBLE,
  int64: TensorProto_DataType.INT64,
  int32: TensorProto_DataType.INT32,
  int16: TensorProto_DataType.INT16,
  int8: TensorProto_DataType.INT8,
  uint8: TensorProto_DataType.UINT8,
  bool: TensorProto_DataType.BOOL,
};

/** @param notes metadata strings, which no runtime reads */
export function encodeModel(
  { nodes, initializers, inputs, outputs }: OnnxGraph<OnnxType>,
  notes: Readonly<Record<string, string>> = {},
): Uint8Array {
  const graph = create(GraphProtoSchema, {
    name: 'graph',
    node: nodes.map(({ type, inputs: input, outputs: output, attributes }, index) =>
      create(NodeProtoSchema, {
        name: `${type}/${index}`,
        opType: type,
        input: [...input],
        output: [...output],
        attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
      }),
    ),
    initializer: initializers.map(initializer),
    input: Object.entries(inputs).map(valueInfo),
    output: Object.entries(outputs).map(valueInfo),
  });
  const opsetImport = [create(OperatorSetIdProtoSchema, { domain: '', version: OPERATOR_SET })];
  const model = create(ModelProtoSchema, {
    irVersion: FILE_FORMAT,
    producerName: 'neural-antidote',
    opsetImport,
    graph,
    metadataProps: Object.entries(notes).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value })),
  });
  return toBinary(ModelProtoSchema, model);
}

function attribute(name: string, value: OnnxAttribute): AttributeProto {
  if ('int' in value) {
    return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(value.int) });
  }
  if ('ints' in value) {
    return create(AttributeProtoSchema, {
      name,
      type: AttributeProto_AttributeType.INTS,
      ints: value.ints.map(BigInt),
    });
  }
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.FLOAT, f: value.float });
}

function initializer({ name, tensor, location }: OnnxInitializer): TensorProto {
  const common = { name, dims: tensor.shape.map(BigInt), dataType: dataTypes[tensor.dtype] };
  if (location === undefined) {
    const { buffer, byteOffset, byteLength } = tensor.data;
    return create(TensorProtoSchema, {
      ...common,
      rawData: new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength),
    });
  }
  const { offset, length } = tensor;
  const externalData = Object.entries({ location, offset, length }).map(([key, value]) =>
    create(StringStringEntryProtoSchema, { key, value: String(value) }),
  );
  return create(TensorProtoSchema, { ...common, externalData, dataLocation: TensorProto_DataLocation.EXTERNAL });
}

function valueInfo([name, { shape, type }]: [string, OnnxType]): ValueInfoProto {
  const dim = shape.map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value: typeof size === 'string' ? { case: 'dimParam', value: size } : { case: 'dimValue', value: BigInt(size) },
    }),
  );
  const tensorType = create(TypeProto_TensorSchema, {
    elemType: dataTypes[type],
    shape: create(TensorShapeProtoSchema, { dim }),
  });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensorType } }),
  });
}
