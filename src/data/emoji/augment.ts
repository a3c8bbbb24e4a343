/** @file Augmentation of cut-out pictures: strengths, and the loop that applies them. */
import type { Pictures } from '../../clip/pictures/pictures.ts';
import type { Random } from '../../tensor/random.ts';
import { addNoise, addStripes, blend, blur, coverPatch, type Planes, shiftColours, writeBytes } from '../planes.ts';
import { type Background, type CutOut, compose, paintBackground, uprightPose } from './compose.ts';

/** Strengths, and shares of pictures (0 to 1) to which a disturbance happens. */
export interface Augmentation {
  /** Largest turn to either side, degrees. */
  readonly turn: number;
  /** Range of sizes: 1 fills the picture from edge to edge. */
  readonly scale: readonly [number, number];
  /** Largest move along either axis, as a share of the side. */
  readonly move: number;
  /** Share of the mirrorable pictures that are mirrored. */
  readonly mirror: number;
  /** Share of pictures whose rows and columns are shifted in waves of up to 3 % of the side. */
  readonly warp: number;
  readonly backgrounds: readonly Background[];
  /** Share of backgrounds with light colours only. */
  readonly light: number;
  /** How far colours shift at most (drawn for every picture): 0 leaves them, 1 is strong. */
  readonly colour: number;
  readonly grey: number;
  readonly blur: number;
  readonly noise: number;
  /** Share of pictures into which noise, a colour or another picture is blended at 10 to 30 %. */
  readonly blend: number;
  readonly stripes: number;
  /** Share of pictures with a covered patch; a third of them get a second one. */
  readonly patch: number;
}

/**
 * For training the clean model. Strong, so that the model can read pictures with a trigger (a patch of an eighth of the
 * side, noise blended at 0.2, lost contrast, stripes); otherwise robust accuracy would measure the trigger's damage to the
 * picture instead of the backdoor.
 */
export const trainingAugmentation: Augmentation = {
  turn: 17,
  scale: [0.6, 1.15],
  move: 0.15,
  mirror: 0.5,
  warp: 0.1,
  backgrounds: ['flat', 'flat', 'gradient', 'pattern', 'clouds'],
  light: 0.35,
  colour: 0.9,
  grey: 0.05,
  blur: 0.15,
  noise: 0.2,
  blend: 0.2,
  stripes: 0.08,
  patch: 0.3,
};

/** Views of the training designs as a defender would have them: varied, but of the quality of a picture collection. */
export const shotAugmentation: Augmentation = {
  turn: 10,
  scale: [0.75, 1.05],
  move: 0.08,
  mirror: 0.5,
  warp: 0,
  backgrounds: ['flat', 'gradient', 'clouds'],
  light: 0.35,
  colour: 0.4,
  grey: 0,
  blur: 0,
  noise: 0.1,
  blend: 0,
  stripes: 0,
  patch: 0,
};

/** Views of the held-out design: mild, so that they are no harder to read than the plain picture. */
export const testAugmentation: Augmentation = {
  turn: 8,
  scale: [0.8, 1],
  move: 0.06,
  mirror: 0,
  warp: 0,
  backgrounds: ['flat', 'gradient'],
  light: 1,
  colour: 0.2,
  grey: 0,
  blur: 0,
  noise: 0,
  blend: 0,
  stripes: 0,
  patch: 0,
};

/** Level of the plain background: a light grey on which white and black shapes are both visible. */
const plainGrey = 217;

export interface Subject {
  readonly cutOut: CutOut;
  readonly mirrorable: boolean;
}

/**
 * One augmented picture for every subject.
 *
 * @param size side of the pictures, pixels
 * @returns [subjects.length, 3, size, size]
 */
export function augment(
  subjects: readonly Subject[],
  random: Random,
  options: Augmentation = trainingAugmentation,
  size = 64,
): Pictures {
  const length = 3 * size * size;
  const data = new Uint8Array(subjects.length * length);
  const planes: Planes = new Float32Array(length);
  const neighbour: Planes = new Float32Array(length).fill(plainGrey);
  subjects.forEach((subject, index) => {
    draw(planes, size, subject, options, random);
    disturb(planes, size, neighbour, options, random);
    writeBytes(planes, data, index * length);
    neighbour.set(planes);
  });
  return { dtype: 'uint8', shape: [subjects.length, 3, size, size], data };
}

/** The unchanged drawing on a light grey: [3, size, size]. */
export function plainView(cutOut: CutOut, random: Random, size = 64): Uint8Array {
  const planes: Planes = new Float32Array(3 * size * size).fill(plainGrey);
  compose(planes, size, cutOut, uprightPose, random);
  const data = new Uint8Array(planes.length);
  writeBytes(planes, data, 0);
  return data;
}

function draw(planes: Planes, size: number, subject: Subject, options: Augmentation, random: Random): void {
  const { turn, scale, move, backgrounds, light } = options;
  const within = (limit: number) => (2 * random.uniform() - 1) * limit;
  const happens = (share: number) => random.uniform() < share;
  paintBackground(planes, size, backgrounds[random.integer(backgrounds.length)]!, happens(light), random);
  const pose = {
    angle: (within(turn) * Math.PI) / 180,
    scale: scale[0] + (scale[1] - scale[0]) * random.uniform(),
    right: within(move),
    down: within(move),
    mirrored: happens(options.mirror) && subject.mirrorable,
    warp: happens(options.warp) ? 0.03 * random.uniform() : 0,
  };
  compose(planes, size, subject.cutOut, pose, random);
}

function disturb(planes: Planes, size: number, neighbour: Planes, options: Augmentation, random: Random): void {
  const happens = (share: number) => random.uniform() < share;
  shiftColours(planes, options.colour * random.uniform(), random, happens(options.grey) ? 0 : undefined);
  if (happens(options.blur)) blur(planes, size, 0.4 + 0.8 * random.uniform());
  if (happens(options.stripes)) addStripes(planes, size, 10 + 50 * random.uniform(), random);
  if (happens(options.blend)) {
    const kind = random.integer(4);
    const other = kind < 2 ? 'noise' : kind === 2 ? 'colour' : neighbour;
    blend(planes, 0.1 + 0.2 * random.uniform(), other, random);
  }
  if (happens(options.noise)) addNoise(planes, 4 + 21 * random.uniform(), random);
  if (happens(options.patch)) {
    const patches = 1 + (happens(1 / 3) ? 1 : 0);
    for (let i = 0; i < patches; i++) coverPatch(planes, size, 0.22, random);
  }
}
