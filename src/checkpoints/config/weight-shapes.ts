/** @file The sizes of an architecture, read off the shapes of its weights (OpenAI `clip/model.py`, build_model). */
import type { ResNetConfig, VitConfig } from '../../clip/config.ts';
import { badData } from '../../errors.ts';
import type { Shape, StoredTensor } from '../../tensor/tensor.ts';
import { called, type Layout, shapeIn, sourceOf } from '../key-map.ts';
import { most } from './config-limits.ts';
import type { Shapes } from './known-architectures.ts';

/**
 * Reads every size that a weight's shape shows. Contradictions among weights are found when all parameters are mapped.
 *
 * @param path the weights file, for errors
 * @param tensors by the layout's plain names
 * @throws AntidoteError (data) that names the tensor that is missing or has an impossible shape
 */
export function shapesOf(path: string, layout: Layout, tensors: ReadonlyMap<string, StoredTensor>): Shapes {
  const reader = shapeReader(path, layout, tensors);
  return {
    image: reader.find('visual.layer1.0.conv1.weight') === undefined ? vitShapes(reader) : resNetShapes(reader),
    text: {
      width: reader.size('ln_final.weight', 1, 0),
      context: reader.size('positional_embedding', 2, 0),
      vocabulary: reader.size('token_embedding.weight', 2, 0),
      ...transformerShapes(reader, 'transformer.'),
    },
    embedding: reader.size('text_projection', 2, 1),
  };
}

function vitShapes(reader: ShapeReader): Omit<VitConfig, 'heads'> {
  const patch = reader.size('visual.conv1.weight', 4, 2);
  return {
    kind: 'vit',
    width: reader.size('visual.conv1.weight', 4, 0),
    patch,
    resolution: patch * reader.gridSide('visual.positional_embedding'),
    ...transformerShapes(reader, 'visual.transformer.'),
  };
}

function resNetShapes(reader: ShapeReader): Omit<ResNetConfig, 'heads'> {
  const blocks = (stage: number) => reader.count((index) => `visual.layer${stage}.${index}.conv1.weight`);
  return {
    kind: 'resnet',
    width: reader.size('visual.layer1.0.conv1.weight', 4, 0),
    layers: [blocks(1), blocks(2), blocks(3), blocks(4)],
    resolution: 32 * reader.gridSide('visual.attnpool.positional_embedding'),
  };
}

function transformerShapes(reader: ShapeReader, prefix: string) {
  return {
    layers: reader.count((index) => `${prefix}resblocks.${index}.ln_1.weight`),
    hidden: reader.size(`${prefix}resblocks.0.mlp.c_fc.weight`, 2, 0),
  };
}

/** Shapes by internal names. All methods but `find` throw a data error that names the tensor. */
interface ShapeReader {
  find(name: string): Shape | undefined;
  /** Size of one axis of a tensor; `axes` is the number that it must have. */
  size(name: string, axes: number, axis: number): number;
  /** How many layers, numbered from 0, have a tensor of this name. */
  count(name: (index: number) => string): number;
  /** Side of a square grid, from its table of positions: one for every place and one more. */
  gridSide(name: string): number;
}

function shapeReader(path: string, layout: Layout, tensors: ReadonlyMap<string, StoredTensor>): ShapeReader {
  const find = (name: string) => shapeIn(layout, tensors, name);
  const where = (name: string) => `${path}: ${called(name, sourceOf(layout, name))}`;
  const size = (name: string, axes: number, axis: number) => {
    const shape = find(name);
    if (shape === undefined) throw badData(where(name), 'nothing', 'a tensor, as every CLIP has');
    if (shape.length !== axes || shape.some((length) => length < 1 || length > most.size))
      throw badData(where(name), `shape [${shape.join(', ')}]`, `${axes} axes of 1 to ${most.size}`);
    return shape[axis]!;
  };
  return {
    find,
    size,
    count(name) {
      let found = 0;
      while (find(name(found)) !== undefined) found++;
      if (found === 0 || found > most.layers)
        throw badData(where(name(0)), `${found} such layers`, `1 to ${most.layers} of them, numbered from 0`);
      return found;
    },
    gridSide(name) {
      const positions = size(name, 2, 0);
      const side = Math.round(Math.sqrt(positions - 1));
      if (side < 1 || side * side !== positions - 1)
        throw badData(where(name), `${positions} positions`, 'one for every place of a square and one more');
      return side;
    },
  };
}
