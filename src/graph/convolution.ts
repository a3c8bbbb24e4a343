/** @file Two-dimensional convolution and pooling over [N, C, H, W]. */
import { concat, flip, pad, reshape, transpose, transposeLast } from './layout.ts';
import { constant } from './leaves.ts';
import { gemm, matMul } from './linear-algebra.ts';
import { sum } from './reduction.ts';
import { apply, float32Of, type Rules, type Signature } from './rule.ts';
import type { Value } from './value.ts';

export interface Window {
  readonly stride: number;
  /** Zeros on each side. */
  readonly padding: number;
}

type Size = readonly [height: number, width: number];

export interface Convolution {
  conv2d: Signature<readonly [Value, Value], Window>;
  /** Gradient of `conv2d` with respect to its picture: inputs dy, weight. */
  conv2dInputGradient: Signature<readonly [Value, Value], Window & { readonly size: Size }>;
  /** Gradient of `conv2d` with respect to its weight: inputs picture, dy. */
  conv2dWeightGradient: Signature<readonly [Value, Value], Window & { readonly kernel: Size }>;
  averagePool2d: Signature<readonly [Value], { readonly size: number }>;
}

const outputSize = (size: number, kernel: number, { stride, padding }: Window): number =>
  Math.floor((size + 2 * padding - kernel) / stride) + 1;

/** Rows at the end of the padded input that no window covers. */
const unusedRows = (size: number, kernel: number, window: Window): number =>
  (size + 2 * window.padding - kernel) % window.stride;

const size2d = (x: Value): Size => [x.shape[2]!, x.shape[3]!];

const pads = (top: number, left: number, bottom: number, right: number) => ({ ints: [top, left, bottom, right] });

export const convolution: Rules<Convolution> = {
  conv2d: {
    infer: ([x, weight], window, refuse) => {
      if (x.shape.length !== 4 || weight.shape.length !== 4) refuse('a picture [N, C, H, W] and a weight [O, C, h, w]');
      if (x.shape[1] !== weight.shape[1]) refuse('as many channels in the picture as in the weight');
      const height = outputSize(x.shape[2]!, weight.shape[2]!, window);
      const width = outputSize(x.shape[3]!, weight.shape[3]!, window);
      if (height < 1 || width < 1) refuse(`a picture, with padding ${window.padding}, no smaller than the kernel`);
      return float32Of([x.shape[0]!, weight.shape[0]!, height, width]);
    },
    onnx: (emit, [x, weight], { inputs, attributes: { stride, padding } }) =>
      emit.node('Conv', [x, weight], {
        kernel_shape: { ints: size2d(inputs[1]) },
        strides: { ints: [stride, stride] },
        pads: pads(padding, padding, padding, padding),
      }),
    gradient: (dy, { inputs: [x, weight], attributes }) => [
      conv2dInputGradient(dy, weight, attributes, size2d(x)),
      conv2dWeightGradient(x, dy, attributes, size2d(weight)),
    ],
  },
  conv2dInputGradient: {
    infer: ([dy, weight], window, refuse) => {
      const [n, o] = dy.shape;
      const fits = window.size.every((size, i) => dy.shape[i + 2] === outputSize(size, weight.shape[i + 2]!, window));
      if (o !== weight.shape[0] || !fits) refuse('the gradient of a convolution with this weight');
      return float32Of([n!, weight.shape[1]!, ...window.size]);
    },
    onnx: (emit, [dy, weight], { inputs, attributes }) => {
      const { stride, padding, size } = attributes;
      const kernel = size2d(inputs[1]);
      const [extraRows, extraColumns] = size.map((length, i) => unusedRows(length, kernel[i]!, attributes)) as [
        number,
        number,
      ];
      return emit.node('ConvTranspose', [dy, weight], {
        kernel_shape: { ints: kernel },
        strides: { ints: [stride, stride] },
        pads: pads(padding, padding, padding, padding),
        output_padding: { ints: [extraRows, extraColumns] },
      });
    },
    gradient: (dz, { inputs: [dy, weight], attributes }) => [
      conv2d(dz, weight, attributes),
      conv2dWeightGradient(dz, dy, attributes, size2d(weight)),
    ],
  },
  conv2dWeightGradient: {
    infer: ([x, dy], window, refuse) => {
      const fits = window.kernel.every((size, i) => dy.shape[i + 2] === outputSize(x.shape[i + 2]!, size, window));
      if (x.shape[0] !== dy.shape[0] || !fits) refuse('a picture and the gradient of its convolution');
      return float32Of([dy.shape[1]!, x.shape[1]!, ...window.kernel]);
    },
    // A convolution with exchanged roles: pictures are the channels, dy is the kernel, dilated by the stride. The channels
    // of x are interleaved along the width and the kernel steps over them, so that its positions are (row, column,
    // channel): one picture with many positions, for which the engine's convolution is fast.
    onnx: (emit, [x, dy], { inputs, attributes }) => {
      const { stride, padding, kernel } = attributes;
      const [n = 0, c = 0, height = 0, width = 0] = inputs[0].shape;
      const [, o = 0, rows = 0, columns = 0] = inputs[1].shape;
      const interleaved = emit.node('Reshape', [
        emit.node('Transpose', [x], { perm: { ints: [0, 2, 3, 1] } }),
        emit.integers([1, n, height, width * c]),
      ]);
      const positions = emit.node(
        'Conv',
        [interleaved, emit.node('Transpose', [dy], { perm: { ints: [1, 0, 2, 3] } })],
        {
          kernel_shape: { ints: [rows, columns] },
          dilations: { ints: [stride, stride * c] },
          pads: pads(padding, padding * c, padding, padding * c),
        },
      );
      // Rows and columns of x that no window covers give positions beyond the kernel.
      const within = emit.node('Slice', [
        positions,
        emit.integers([0, 0]),
        emit.integers([kernel[0], kernel[1] * c]),
        emit.integers([2, 3]),
      ]);
      const separate = emit.node('Reshape', [within, emit.integers([o, ...kernel, c])]);
      return emit.node('Transpose', [separate], { perm: { ints: [0, 3, 1, 2] } });
    },
    gradient: (dw, { inputs: [x, dy], attributes }) => [
      conv2dInputGradient(dy, dw, attributes, size2d(x)),
      conv2d(x, dw, attributes),
    ],
  },
  averagePool2d: {
    infer: ([x], { size }, refuse) => {
      if (x.shape.length !== 4) refuse('a picture [N, C, H, W]');
      return float32Of(x.shape.map((length, axis) => (axis < 2 ? length : Math.floor(length / size))));
    },
    onnx: (emit, [x], { attributes: { size } }) =>
      emit.node('AveragePool', [x], { kernel_shape: { ints: [size, size] }, strides: { ints: [size, size] } }),
    gradient: (dy, { inputs: [x], attributes: { size } }) => {
      const [n = 0, c = 0, h = 0, w = 0] = dy.shape;
      const width = x.shape[3]!;
      // A product with a small matrix repeats the columns eight times as fast as Expand along the last axis.
      const rows = reshape(matMul(dy, spreadColumns(w, width, size)), [n, c, h, width]);
      const covered = reshape(concat(Array(size).fill(rows), 3), [n, c, h * size, width]);
      return [pad(covered, [0, 0, 0, 0], [0, 0, x.shape[2]! - h * size, 0])];
    },
  },
};

/** The matrix [columns, width] that gives each of `size` neighbours its share of the gradient of their mean. */
function spreadColumns(columns: number, width: number, size: number): Value {
  const data = new Float32Array(columns * width);
  for (let column = 0; column < columns * size; column++)
    data[Math.floor(column / size) * width + column] = 1 / size ** 2;
  return constant({ dtype: 'float32', shape: [columns, width], data });
}

function conv2dInputGradient(dy: Value, weight: Value, { stride, padding }: Window, size: Size): Value {
  const [height, width] = size2d(weight);
  // At stride 1 a convolution with the flipped kernel is faster than ConvTranspose in ONNX Runtime.
  if (stride === 1 && height === width && padding < height) {
    const turned = flip(transpose(weight, [1, 0, 2, 3]), [2, 3]);
    return conv2d(dy, turned, { stride: 1, padding: height - 1 - padding });
  }
  return apply(convolution, 'conv2dInputGradient', [dy, weight], { stride, padding, size });
}

/** Number of pixels from which one matrix product for each picture and a sum is faster than the general way (measured). */
const PIXELS_WORTH_A_PRODUCT = 64;

function conv2dWeightGradient(x: Value, dy: Value, { stride, padding }: Window, kernel: Size): Value {
  const [n = 0, c = 0, height = 0, width = 0] = x.shape;
  const pointwise = stride === 1 && padding === 0 && kernel[0] === 1 && kernel[1] === 1;
  if (pointwise && height * width >= PIXELS_WORTH_A_PRODUCT) {
    const [left, right] = [reshape(dy, [n, -1, height * width]), reshape(x, [n, c, height * width])];
    return reshape(sum(matMul(left, transposeLast(right)), [0]), [-1, c, 1, 1]);
  }
  return apply(convolution, 'conv2dWeightGradient', [x, dy], { stride, padding, kernel });
}

/** Convolution (correlation, as in all libraries) of `x` [N, C, H, W] with `weight` [O, C, h, w]. */
export function conv2d(x: Value, weight: Value, { stride = 1, padding = 0 }: Partial<Window> = {}): Value {
  const patch = weight.shape[2];
  const apart = stride > 1 && padding === 0 && patch === stride && weight.shape[3] === stride;
  if (apart && x.shape.length === 4 && x.shape[2]! % stride === 0 && x.shape[3]! % stride === 0) {
    return convolveApart(x, weight, stride);
  }
  return apply(convolution, 'conv2d', [x, weight], { stride, padding });
}

/** For windows that do not overlap: one matrix product over patches (a ViT's patch embedding). */
function convolveApart(x: Value, weight: Value, size: number): Value {
  const [n = 0, c = 0, height = 0, width = 0] = x.shape;
  const [rows, columns] = [height / size, width / size];
  const patches = transpose(reshape(x, [n, c, rows, size, columns, size]), [0, 2, 4, 1, 3, 5]);
  const flat = reshape(patches, [n * rows * columns, c * size * size]);
  const outputs = weight.shape[0]!;
  const y = gemm(flat, reshape(weight, [outputs, c * size * size]), { transposeB: true });
  return transpose(reshape(y, [n, rows, columns, outputs]), [0, 3, 1, 2]);
}

/** Means of size x size windows that do not overlap; remaining rows and columns are dropped. */
export function averagePool2d(x: Value, size: number): Value {
  return apply(convolution, 'averagePool2d', [x], { size });
}
