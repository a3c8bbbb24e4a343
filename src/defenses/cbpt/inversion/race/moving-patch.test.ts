import { expect, test } from 'vitest';
import type { ClipConfig } from '../../../../clip/config.ts';
import { openEngine } from '../../../../engine/ort-engine.ts';
import { input } from '../../../../graph/leaves.ts';
import { randomFor } from '../../../../tensor/random.ts';
import { elements, float32 } from '../../../../tensor/tensor.ts';
import { tilesAlong } from '../../../../triggers/apply.ts';
import { drawTiles, patchTrigger, startingPatch, windowSide, withPatches } from './moving-patch.ts';

const [size, side, patches, pictures] = [12, 3, 2, 3];

/** Logits of two patches, far from their start, so that mask and pattern have an effect. */
function scattered() {
  const random = randomFor(5, 'scatter');
  return Object.fromEntries(
    Object.entries(startingPatch(side, random)).map(([name, { shape }]) => {
      const all = [patches, ...shape];
      return [
        name,
        float32(
          Float32Array.from({ length: elements(all) }, () => 4 * random.uniform() - 2),
          all,
        ),
      ];
    }),
  );
}

test('every patch lies in the drawn tile of every picture, as its trigger file places it, and changes nothing outside', async () => {
  const logits = scattered();
  const parameters = new Map(Object.entries(logits).map(([name, { shape }]) => [name, input(name, shape)]));
  const { triggered, size: covered } = withPatches(parameters, input('pixels', [pictures, 3, size, size]));
  const engine = await openEngine({ device: 'cpu', threads: 1 });
  const program = await engine.compile({ outputs: { triggered, covered } });
  const pixels = float32(new Float32Array(pictures * 3 * size * size).fill(0.5), [pictures, 3, size, size]);
  const tiles = drawTiles(pictures, size, side, size / side, randomFor(4, 'tiles'));
  const result = await program.run({ pixels, ...logits, ...tiles });
  await engine.close();

  const startOf = (name: string, picture: number) =>
    Array.from({ length: size }, (_, i) => tiles[name]!.data[(picture * size + i) * side]).indexOf(1);
  const data = result.triggered!.data as Float32Array;
  let at = 0;
  for (let patch = 0; patch < patches; patch++) {
    const own = Object.entries(logits).map(([name, all]) => {
      const shape = all.shape.slice(1);
      const length = elements(shape);
      return [name, float32(all.data.slice(patch * length, (patch + 1) * length), shape)] as const;
    });
    const { mask, pattern, placement } = patchTrigger(Object.fromEntries(own));
    expect(placement).toBe('random-tile');
    expect(result.covered!.data[patch]).toBeCloseTo(mask.data.reduce((sum, x) => sum + x, 0) / size ** 2, 5);
    for (let picture = 0; picture < pictures; picture++) {
      const [top, left] = [startOf('placement.down', picture), startOf('placement.across', picture)];
      expect([top % side, left % side]).toEqual([0, 0]);
      for (let channel = 0; channel < 3; channel++) {
        for (let y = 0; y < size; y++) {
          for (let x = 0; x < size; x++, at++) {
            const inside = y >= top && y < top + side && x >= left && x < left + side;
            const pixel = (y - top) * side + (x - left);
            const opaque = inside ? mask.data[pixel]! : 0;
            const colour = inside ? pattern.data[channel * side * side + pixel]! : 0;
            expect(data[at]).toBeCloseTo(0.5 + opaque * (colour - 0.5), 5);
          }
        }
      }
    }
  }
});

test('a picture whose side is no multiple of the tile is covered to its edges, and every tile is drawn', () => {
  const tiles = drawTiles(200, 11, side, tilesAlong(11, side), randomFor(1, 'tiles'));
  const starts = Array.from({ length: 200 }, (_, picture) =>
    Array.from({ length: 11 }, (_, i) => tiles['placement.down']!.data[(picture * 11 + i) * side]).indexOf(1),
  );
  expect([...new Set(starts)].sort((a, b) => a - b)).toEqual([0, 3, 6, 8]);
});

test("a patch is a whole number of strides wide, so that all its tiles lie on the tower's grid", () => {
  const resNet = (resolution: number): ClipConfig['image'] => {
    return { kind: 'resnet', width: 64, layers: [3, 4, 6, 3], heads: 32, resolution };
  };
  const vit = (patch: number, resolution: number): ClipConfig['image'] => {
    return { kind: 'vit', width: 768, layers: 12, heads: 12, patch, resolution, hidden: 3072 };
  };
  const sides = (image: ClipConfig['image']) => [windowSide(image, 0.25), windowSide(image, 0.375)];
  expect(sides(resNet(64))).toEqual([16, 24]);
  expect(sides(resNet(224))).toEqual([56, 84]);
  expect(sides(vit(32, 224))).toEqual([64, 96]);
  expect(sides(vit(16, 224))).toEqual([64, 80]);
  expect(sides(vit(14, 224))).toEqual([56, 84]);
  expect(sides(vit(14, 378))).toEqual([98, 140]);
  expect(sides(vit(32, 32))).toEqual([32, 32]);
});
