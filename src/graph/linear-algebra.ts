/** @file Matrix products: batched `matMul`, and `gemm` for whole matrices with transposed factors and a bias. */
import type { Shape } from '../tensor/tensor.ts';
import { reshape, transposeLast } from './layout.ts';
import { apply, broadcastShape, float32Of, type Refuse, type Rules, type Signature, sameShape } from './rule.ts';
import type { Value } from './value.ts';

export interface Transposed {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

export interface GemmAttributes extends Transposed {
  /** Factor of the product, not of the bias. It takes no extra time. */
  readonly alpha: number;
}

export interface LinearAlgebra {
  matMul: Signature<readonly [Value, Value]>;
  gemm: Signature<readonly [Value, Value], GemmAttributes>;
  /** A product and a vector added to each row. */
  gemmBias: Signature<readonly [Value, Value, Value], GemmAttributes>;
}

function gemmShape(a: Value, b: Value, { transposeA, transposeB }: Transposed, refuse: Refuse): Shape {
  if (a.shape.length !== 2 || b.shape.length !== 2) refuse('two matrices');
  const [m, inner] = transposeA ? a.shape.toReversed() : a.shape;
  const [innerB, n] = transposeB ? b.shape.toReversed() : b.shape;
  if (inner !== innerB) {
    refuse(`equal inner sizes${transposeA ? ', first transposed' : ''}${transposeB ? ', second transposed' : ''}`);
  }
  return [m!, n!];
}

function gemmGradients(dy: Value, a: Value, b: Value, attributes: GemmAttributes): [Value, Value] {
  const { transposeA, transposeB, alpha } = attributes;
  return [
    transposeA
      ? gemm(b, dy, { transposeA: transposeB, transposeB: true, alpha })
      : gemm(dy, b, { transposeB: !transposeB, alpha }),
    transposeB
      ? gemm(dy, a, { transposeA: true, transposeB: transposeA, alpha })
      : gemm(a, dy, { transposeA: !transposeA, alpha }),
  ];
}

const onnxAttributes = ({ transposeA, transposeB, alpha }: GemmAttributes) => ({
  alpha: { float: alpha },
  transA: { int: transposeA ? 1 : 0 },
  transB: { int: transposeB ? 1 : 0 },
});

export const linearAlgebra: Rules<LinearAlgebra> = {
  matMul: {
    infer: ([a, b], _, refuse) => {
      if (a.shape.length < 2 || b.shape.length < 2) refuse('at least two axes on both sides');
      if (a.shape.at(-1) !== b.shape.at(-2)) refuse('equal inner sizes');
      const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2)) ?? refuse('batch axes that broadcast');
      return float32Of([...batch, a.shape.at(-2)!, b.shape.at(-1)!]);
    },
    onnx: (emit, [a, b]) => emit.node('MatMul', [a, b]),
    gradient: (dy, { inputs: [a, b] }) => [matMul(dy, transposeLast(b)), matMul(transposeLast(a), dy)],
  },
  gemm: {
    infer: ([a, b], attributes, refuse) => float32Of(gemmShape(a, b, attributes, refuse)),
    onnx: (emit, [a, b], { attributes }) => emit.node('Gemm', [a, b], onnxAttributes(attributes)),
    gradient: (dy, { inputs: [a, b], attributes }) => gemmGradients(dy, a, b, attributes),
  },
  gemmBias: {
    infer: ([a, b, bias], attributes, refuse) => {
      const shape = gemmShape(a, b, attributes, refuse);
      if (!sameShape(bias.shape, shape.slice(1))) refuse(`a bias of shape [${shape[1]}]`);
      return float32Of(shape);
    },
    onnx: (emit, [a, b, bias], { attributes }) => emit.node('Gemm', [a, b, bias], onnxAttributes(attributes)),
    gradient: (dy, { inputs: [a, b], attributes }) => [...gemmGradients(dy, a, b, attributes), dy],
  },
};

/** alpha times the product of two matrices, each optionally transposed, with an optional bias added to each row. */
export function gemm(
  a: Value,
  b: Value,
  { transposeA = false, transposeB = false, alpha = 1 }: Partial<GemmAttributes> = {},
  bias?: Value,
): Value {
  const [left, fromLeft] = asItLies(a, transposeA);
  const [right, fromRight] = asItLies(b, transposeB);
  const attributes = { transposeA: fromLeft, transposeB: fromRight, alpha };
  return bias
    ? apply(linearAlgebra, 'gemmBias', [left, right, bias], attributes)
    : apply(linearAlgebra, 'gemm', [left, right], attributes);
}

/**
 * A factor without its transposition, and whether the product has to read it transposed. ONNX Runtime merges these too, but
 * only a few in each of ten passes over the graph: this way, opening a step of CleanCLIP takes a third of the time.
 */
function asItLies(factor: Value, transposed: boolean): readonly [Value, boolean] {
  const { operation } = factor;
  return operation.kind === 'transpose' && factor.shape.length === 2
    ? [operation.inputs[0]!, !transposed]
    : [factor, transposed];
}

/** Product of the last two axes, [..., m, k] x [..., k, n]; the axes before them broadcast. */
export function matMul(a: Value, b: Value): Value {
  // One matrix for all batches: a single large product, in the forward pass and for the matrix's gradient.
  if (b.shape.length === 2 && a.shape.length > 1 && a.shape.at(-1) === b.shape[0]) {
    return reshape(gemm(reshape(a, [-1, b.shape[0]!]), b), [...a.shape.slice(0, -1), b.shape[1]!]);
  }
  return apply(linearAlgebra, 'matMul', [a, b], {});
}

/** A layer, alpha x weight^T + bias: `x` [..., in], `weight` [out, in], `bias` [out]; result [..., out]. */
export function linear(x: Value, weight: Value, bias?: Value, alpha = 1): Value {
  const flat = x.shape.length === 2 ? x : reshape(x, [-1, x.shape.at(-1) ?? 1]);
  return reshape(gemm(flat, weight, { transposeB: true, alpha }, bias), [...x.shape.slice(0, -1), weight.shape[0]!]);
}
