/** @file The emoji pictures: their classes, cut-outs for training, and labelled picture sets for few shots and tests. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import type { PictureSet } from '../../clip/pictures/pictures.ts';
import { badData, badUsage } from '../../errors.ts';
import { randomFor } from '../../tensor/random.ts';
import { sha256 } from '../../tensor/sha256.ts';
import { augment, plainView, type Subject, shotAugmentation, testAugmentation } from './augment.ts';
import { type CutOut, cutOutSide } from './compose.ts';
import { cellSide, type Design, designs, type EmojiClass, sheetColumns, testDesign } from './format.ts';

const folder = new URL('../../../data/emoji/', import.meta.url);

/** Part of every set's hash: to be changed when the same files give other pictures. */
export const viewsVersion = 1;

/** The designs that are trained on: all but the held-out one. */
export const trainingDesigns: readonly Design[] = designs.filter((design) => design !== testDesign);

/** All classes, in Unicode's order. */
export async function emojiClasses(): Promise<readonly EmojiClass[]> {
  return JSON.parse(await readFile(new URL('classes.json', folder), 'utf8'));
}

/** Names of the 100 everyday things: 25 animals, 25 foods, 25 objects, 12 vehicles, 13 of nature. */
export async function thingNames(): Promise<readonly string[]> {
  return JSON.parse(await readFile(new URL('things.json', folder), 'utf8'));
}

/** One artist's drawing of one class. */
export interface Drawing extends Subject {
  readonly class: EmojiClass;
  readonly design: Design;
  /** Number in the design's sprite sheet. */
  readonly cell: number;
}

/** Names of the classes that the drawings show, each once, in the order of the drawings. */
export function labelsOf(drawings: readonly Drawing[]): readonly string[] {
  return [...new Set(drawings.map((drawing) => drawing.class.label))];
}

/** Every drawing of the given classes in the given designs, class by class. Reads the sheets: about 0.2 s each. */
export async function readDrawings(
  classes: readonly EmojiClass[],
  from: readonly Design[] = trainingDesigns,
): Promise<readonly Drawing[]> {
  const sheets = new Map(await Promise.all(from.map(async (design) => [design, await readSheet(design)] as const)));
  return classes.flatMap((entry) =>
    from.flatMap((design) =>
      (entry.cells[design] ?? []).map((cell) => ({
        class: entry,
        design,
        cell,
        mirrorable: entry.mirrorable,
        cutOut: cutOut(sheets.get(design)!, cell),
      })),
    ),
  );
}

interface Sheet {
  readonly rgba: Uint8Array;
  readonly width: number;
}

const sheetPath = (design: Design) => fileURLToPath(new URL(`${design}.webp`, folder));

/** SHA-256 of the sprite sheets, in the order of the designs: part of every set's hash. */
export async function sheetHashes(from: readonly Design[]): Promise<readonly string[]> {
  return Promise.all(from.map(async (design) => sha256(await readFile(sheetPath(design)))));
}

async function readSheet(design: Design): Promise<Sheet> {
  const { data, info } = await sharp(sheetPath(design), { limitInputPixels: 1 << 24 })
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  if (info.width !== sheetColumns * cellSide) {
    throw badData(sheetPath(design), `a width of ${info.width} pixels`, `${sheetColumns * cellSide}`);
  }
  return { rgba: data, width: info.width };
}

function cutOut({ rgba, width }: Sheet, cell: number): CutOut {
  const left = (cell % sheetColumns) * cellSide;
  const top = Math.floor(cell / sheetColumns) * cellSide;
  const out = new Uint8Array(cutOutSide * cutOutSide * 4);
  for (let y = 0; y < cellSide; y++) {
    const from = ((top + y) * width + left) * 4;
    const to = ((y + 1) * cutOutSide + 1) * 4;
    for (let i = 0; i < cellSide * 4; i += 4) {
      const alpha = rgba[from + i + 3]!;
      if (alpha === 0) continue;
      for (let c = i; c < i + 3; c++) out[to + c] = (rgba[from + c]! * alpha + 127) / 255;
      out[to + i + 3] = alpha;
    }
  }
  return out;
}

/** Names of classes to their records, in the order of the names. */
export async function namedClasses(names: 'things' | 'emoji' | readonly string[]): Promise<readonly EmojiClass[]> {
  const all = await emojiClasses();
  if (names === 'emoji') return all;
  const byLabel = new Map(all.map((entry) => [entry.label, entry]));
  return (names === 'things' ? await thingNames() : names).map((name) => {
    const entry = byLabel.get(name);
    if (!entry) throw badUsage(`class "${name}"`, 'no emoji of that name', 'one', 'data/emoji/classes.json lists them');
    return entry;
  });
}

export interface EmojiSetOptions {
  /** Side of the pictures, pixels. */
  readonly size?: number;
  /** Pictures made of each drawing. */
  readonly views?: number;
  /** For `train`: only this design. */
  readonly design?: Design;
}

/**
 * Labelled pictures of the emoji classes. Every view has its own fixed seed, which depends only on the drawing: a picture is
 * the same in every class list.
 *
 * `test`: the held-out design. View 0 is the unchanged drawing on a light grey (`views: 1` gives only these); the others are
 * mildly turned, scaled and moved on light backgrounds, so that there is more than one picture a class. Views of one
 * drawing are not independent: `sources` identifies the drawings, and confidence intervals count these.
 *
 * `train`: the other designs, every view mildly augmented, for few-shot methods.
 */
export async function emojiSet(
  part: 'train' | 'test',
  names: 'things' | 'emoji' | readonly string[],
  { size = cellSide, views = 4, design }: EmojiSetOptions = {},
): Promise<PictureSet> {
  const classes = await namedClasses(names);
  const from = part === 'test' ? [testDesign] : design ? [design] : trainingDesigns;
  const drawings = await readDrawings(classes, from);
  const labelOf = new Map(classes.map((entry, label) => [entry, label]));
  const sheets = await sheetHashes(from);
  const identity = { viewsVersion, part, size, views, sheets, classes };
  const length = 3 * size * size;

  const view = (position: number): Uint8Array => {
    const drawing = drawings[Math.floor(position / views)]!;
    const number = position % views;
    const random = randomFor(viewsVersion, 'emoji', part, drawing.design, drawing.cell, number);
    if (part === 'test' && number === 0) return plainView(drawing.cutOut, random, size);
    return augment([drawing], random, part === 'test' ? testAugmentation : shotAugmentation, size).data;
  };

  return {
    name: `emoji:${part}`,
    classes: classes.map((entry) => entry.label),
    labels: Int32Array.from(
      { length: drawings.length * views },
      (_, i) => labelOf.get(drawings[Math.floor(i / views)]!.class)!,
    ),
    sources: Int32Array.from({ length: drawings.length * views }, (_, i) => Math.floor(i / views)),
    size,
    hash: sha256(JSON.stringify(identity)),
    async read(positions) {
      const data = new Uint8Array(positions.length * length);
      positions.forEach((position, index) => {
        data.set(view(position), index * length);
      });
      return { dtype: 'uint8', shape: [positions.length, 3, size, size], data };
    },
  };
}
