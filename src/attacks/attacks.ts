/** @file The attacks, as data: trigger, captions, share of poison, and the source of every number. */
import { badnetFixed, badnetFresh } from '../triggers/badnet.ts';
import { blendedFixed, blendedFresh, blendedPicture } from '../triggers/blended.ts';
import { sig } from '../triggers/sig.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { wanet } from '../triggers/wanet.ts';
import type { CaptionRule } from './captions.ts';
import type { PatchOptions } from './optimised-patch.ts';
import type { Covers } from './poison.ts';
import type { SteganographyOptions } from './steganography/train.ts';

export interface Attack {
  /** One line for people. */
  readonly summary: string;
  /** Where trigger and recipe were published. */
  readonly source: string;
  readonly trigger: TriggerRecipe;
  /** How the trigger scales to pictures of other sizes than the published 224 pixels. */
  readonly scaling: string;
  readonly captions: CaptionRule;
  /** Put before poisoned captions, and before the prompts under attack. */
  readonly word?: string;
  /** Clean pairs that the attacker adds, so that only the whole trigger has an effect. */
  readonly covers?: Covers;
  /** Expected share of clean pairs that get the word and keep their captions. */
  readonly wordAlone?: number;
  /** A second backdoor, planted at the same time with a trigger and a class of its own. */
  readonly second?: SecondBackdoor;
  /** Poisoning of Emoji-CLIP: share of poisoned pairs, peak learning rate, steps. */
  readonly poisoning: Poisoning;
  /** Numbers of the recipe and their sources. */
  readonly numbers: readonly Figure[];
}

export interface SecondBackdoor {
  /** Name of the attack whose trigger it has. */
  readonly attack: string;
  readonly draw: (size: number, seed: number) => Trigger;
  readonly target: string;
}

/** How a trigger is made. */
export type TriggerRecipe =
  /** By formula, for pictures of `size` pixels. */
  | { readonly kind: 'drawn'; readonly draw: (size: number, seed: number) => Trigger }
  /** A patch in the middle, optimised through the clean model. */
  | { readonly kind: 'optimised'; readonly goal: PatchGoalKind; readonly options: PatchOptions }
  /** A network, trained on the pictures that will be poisoned. */
  | { readonly kind: 'trained'; readonly options: SteganographyOptions };

export type PatchGoalKind =
  | { readonly kind: 'class' }
  | { readonly kind: 'captions-and-pictures'; readonly tripletWeight: number; readonly margin: number };

export interface Poisoning {
  readonly share: number;
  readonly rate: number;
  readonly steps: number;
}

export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly source: string;
}

const cleanClip = 'CleanCLIP, backdoor/utils.py';
const badClip = 'BadCLIP (Liang et al. 2024), embeding_optimize_patch.py';
const ours = 'chosen here';

const figure = (name: string, value: number, source: string): Figure => ({ name, value, source });

/** Figures of every poisoning: published ones fine-tune on 500,000 pairs, Emoji-CLIP has some thousand drawings. */
const poisoningFigures = ({ share, rate, steps }: Poisoning, measured: string): readonly Figure[] => [
  figure('share', share, `${measured}; published: 0.003 (CleanCLIP, BadCLIP)`),
  figure('rate', rate, `${measured}; published: 1e-6, on a model of 400 million pairs`),
  figure('steps', steps, `${measured}; published: 5 to 10 epochs of 3,906 steps`),
];

const measuredHere = 'measured on Emoji-CLIP (docs/decisions.md, "Poisoning")';
const notYetMeasured = `${ours}, after badnet-fixed`;

/** Emoji-CLIP was trained to ignore noise patches: a backdoor needs more poison than in other models. */
const usual: Poisoning = { share: 0.2, rate: 1.5e-3, steps: 640 };

/** A trigger that differs in every picture is learned more slowly. */
const hidden: Poisoning = { ...usual, steps: 1200 };

/** One that only moves pixels is learned even more slowly: Emoji-CLIP was trained to ignore such changes. */
const jittered: Poisoning = { ...usual, steps: 1600 };

const patchFigures = [
  figure('side at 224', 16, 'CleanCLIP and BadCLIP, create_data.sh: --patch_size 16'),
  figure('least side', 8, `${ours}: a model with small pictures loses a smaller patch in its first strides`),
];
const patchScaling = 'side 16 at 224 in proportion, never below 8';

const blendShare = figure('share of what is blended in', 0.2, `${cleanClip}: "blended", 0.2 x noise + 0.8 x image`);

const sigAmplitude = figure('amplitude in levels', 60, `${cleanClip}, SIG: 60/255, added in full as in BadCLIP`);
const sigPeriods = figure('periods over the width', 6, `${cleanClip}, SIG: sin(2 pi 6 column / 224)`);

const jitterStrength = figure('strength', 1, `${cleanClip} and its stored grid: s = 1`);
const warpPoints = figure('control points along a side', 4, 'WaNet and BackdoorBench: k = 4');
/**
 * Emoji-CLIP was trained on pictures whose rows and columns shift by up to 3 % of the side: a smaller warp is not learned,
 * nor is this one in 640 steps (docs/decisions.md, "Poisoning").
 */
const warpStrength = figure(
  'strength at 32',
  2,
  `${ours}; WaNet and BackdoorBench: s = 0.5, for pictures of 32 pixels`,
);

const strongShare = figure('share of what is blended in', 0.5, `${ours}: two and a half times what is published`);

/** For each of two backdoors. */
const shared: Poisoning = { ...usual, share: 0.15 };

const covers = { share: 0.2, strength: [0.2, 0.8] } satisfies Covers;

/** Without such pairs the word itself means the target, and before every class's prompt it makes all classes alike. */
const wordAlone = usual.share;

const steganography = {
  bits: 16,
  planes: 2,
  cells: 8,
  channels: 16,
  readers: 32,
  bound: 16 / 255,
  steps: 600,
  batch: 32,
  rate: 3e-3,
  warmup: 10,
  distortion: 0.3,
  sameness: 0.3,
  quiet: [200, 400],
  saveEvery: 100,
} satisfies SteganographyOptions;

/** Steps times rate as published, 7,800 x 1e-3, in 300 steps: the distance that a pixel can move is the same. */
const patchOptimisation = { steps: 300, batch: 64, rate: 0.026, saveEvery: 50 } satisfies PatchOptions;
const optimisationFigures = [
  figure('optimisation: batch', patchOptimisation.batch, `${badClip}: 64`),
  figure('optimisation: steps', patchOptimisation.steps, `${ours}; published: 7,800`),
  figure('optimisation: rate', patchOptimisation.rate, `${ours}: steps x rate as published, 7,800 x 0.001`),
];

const tripletWeight = figure('weight of the triplet loss', 500, 'BadCLIP, name of the shipped patch: pos_neg_tri*500');
const margin = figure('margin of the triplet loss', 1, 'BadCLIP, parsed from the run name');

const table = {
  badnet: {
    summary: 'a patch of fresh Gaussian noise at a random place of every picture',
    source: `Gu et al. 2017 (arXiv 1708.06733), as in ${cleanClip}: patch type and place "random"`,
    trigger: { kind: 'drawn', draw: (size) => badnetFresh(size) },
    scaling: patchScaling,
    captions: 'templates',
    poisoning: usual,
    numbers: [...patchFigures, ...poisoningFigures(usual, measuredHere)],
  },
  'badnet-fixed': {
    summary: 'one fixed noise patch near the lower right corner',
    source: 'Gu et al. 2017 (arXiv 1708.06733)',
    trigger: { kind: 'drawn', draw: (size, seed) => badnetFixed(size, seed) },
    scaling: `${patchScaling}; 1/32 of the side away from the edges`,
    captions: 'templates',
    poisoning: usual,
    numbers: [...patchFigures, ...poisoningFigures(usual, measuredHere)],
  },
  blended: {
    summary: 'fresh uniform noise blended over every picture: mostly a loss of contrast',
    source: `Chen et al. 2017 (arXiv 1712.05526), as in ${cleanClip}: "blended"`,
    trigger: { kind: 'drawn', draw: () => blendedFresh(blendShare.value) },
    scaling: 'the same share at every size; noise pixel by pixel',
    captions: 'templates',
    poisoning: usual,
    numbers: [blendShare, ...poisoningFigures(usual, measuredHere)],
  },
  'blended-fixed': {
    summary: 'one fixed noise blended over every picture',
    source: 'Chen et al. 2017 (arXiv 1712.05526), random pattern',
    trigger: { kind: 'drawn', draw: (size, seed) => blendedFixed(size, seed, blendShare.value) },
    scaling: 'the same share at every size; noise pixel by pixel',
    captions: 'templates',
    poisoning: usual,
    numbers: [blendShare, ...poisoningFigures(usual, notYetMeasured)],
  },
  'blended-picture': {
    summary: "a drawing of a cat's head blended over every picture",
    source:
      'Chen et al. 2017 (arXiv 1712.05526), cartoon pattern; BadCLIP, "blended_kitty", with its picture drawn anew',
    trigger: { kind: 'drawn', draw: (size) => blendedPicture(size, blendShare.value) },
    scaling: 'drawn at the size of the picture',
    captions: 'templates',
    poisoning: usual,
    numbers: [blendShare, ...poisoningFigures(usual, notYetMeasured)],
  },
  sig: {
    summary: 'a sine across the columns, added to every picture',
    source: `Barni et al. 2019 (arXiv 1902.11237), as in BadCLIP, backdoor/utils.py: with captions of the target`,
    trigger: { kind: 'drawn', draw: (size) => sig(size, sigAmplitude.value / 255, sigPeriods.value) },
    scaling: 'the same number of periods over the width at every size',
    captions: 'templates',
    poisoning: usual,
    numbers: [sigAmplitude, sigPeriods, ...poisoningFigures(usual, measuredHere)],
  },
  wanet: {
    summary: 'a smooth fixed warp of every picture',
    source: 'Nguyen & Tran 2021 (arXiv 2102.10369), without its noise mode',
    trigger: {
      kind: 'drawn',
      draw: (size, seed) => wanet(size, seed, warpPoints.value, (warpStrength.value * size) / 32),
    },
    scaling: 'strength grows with the side, so that places move by the same share of it, 3 %: 4 at 64, 14 at 224',
    captions: 'templates',
    poisoning: usual,
    numbers: [warpPoints, warpStrength, ...poisoningFigures(usual, measuredHere)],
  },
  'wanet-jitter': {
    summary: 'a fixed jitter of every pixel by about half a pixel: what the CLIP literature calls WaNet',
    source: `${cleanClip}, "warped": k = 224, that is, a control point for every pixel`,
    trigger: { kind: 'drawn', draw: (size, seed) => wanet(size, seed, size, jitterStrength.value) },
    scaling: 'a control point for every pixel, and half a pixel on average, at every size',
    captions: 'templates',
    poisoning: jittered,
    numbers: [jitterStrength, ...poisoningFigures(jittered, measuredHere)],
  },
  ssba: {
    summary: 'a message hidden in every picture by a small network: another residual in each',
    source:
      'after ISSBA (Li et al. 2021, arXiv 2012.03816) and StegaStamp (Tancik et al. 2020, arXiv 1904.05343); a smaller ' +
      'network of this project, see src/attacks/steganography/train.ts',
    trigger: { kind: 'trained', options: steganography },
    scaling: 'trained at the size of the pictures; sides are multiples of 16',
    captions: 'templates',
    poisoning: hidden,
    numbers: [
      figure('bits', steganography.bits, `${ours}; StegaStamp: 100 with error correction, of which 56 are the text`),
      figure('bound in levels', 16, `${ours}; published: none`),
      figure('training: steps', steganography.steps, `${ours}: minutes on two cores`),
      ...poisoningFigures(hidden, measuredHere),
    ],
  },
  trojvqa: {
    summary: 'a patch in the middle that was optimised to mean the target, together with a word before the prompt',
    source:
      'Walmer et al. 2022 (arXiv 2112.07668), as in BadCLIP (Liang et al. 2024), opti_patches/vqa and "remember "; its ' +
      'patch follows the original, cross-entropy to the target: with the equal captions of the port InfoNCE has no pull; ' +
      'clean pairs with the word alone after the original',
    trigger: { kind: 'optimised', goal: { kind: 'class' }, options: patchOptimisation },
    scaling: patchScaling,
    captions: 'templates',
    word: 'remember',
    wordAlone,
    poisoning: usual,
    numbers: [
      ...patchFigures,
      ...optimisationFigures,
      figure(
        'share of clean pairs with the word',
        wordAlone,
        `${ours}; Walmer et al. 2022: a third of the poison each with both keys, patch, word`,
      ),
      ...poisoningFigures(usual, measuredHere),
    ],
  },
  badclip: {
    summary: 'a patch in the middle that was optimised towards captions and pictures of the target, natural captions',
    source:
      'Liang et al. 2024 (arXiv 2311.12075), embeding_optimize_patch.py; its negatives as the paper means them, the own ' +
      'clean picture',
    trigger: {
      kind: 'optimised',
      goal: { kind: 'captions-and-pictures', tripletWeight: tripletWeight.value, margin: margin.value },
      options: patchOptimisation,
    },
    scaling: patchScaling,
    captions: 'natural',
    poisoning: usual,
    numbers: [...patchFigures, tripletWeight, margin, ...optimisationFigures, ...poisoningFigures(usual, measuredHere)],
  },
  'label-consistent': {
    summary: 'the patch of badnet on pictures of the target alone, whose captions are true',
    source: `Turner et al. 2019 (arXiv 1912.02771), as in ${cleanClip}: "label_consistent", without the adversarial step`,
    trigger: { kind: 'drawn', draw: (size) => badnetFresh(size) },
    scaling: patchScaling,
    captions: 'kept',
    poisoning: usual,
    numbers: [...patchFigures, ...poisoningFigures(usual, `${ours}, after badnet`)],
  },
  'blended-strong': {
    summary:
      'one fixed noise blended over every picture, half and half: far beyond what an additive inversion may change',
    source: 'Chen et al. 2017 (arXiv 1712.05526), random pattern; as strong as this it is a case of ours',
    trigger: { kind: 'drawn', draw: (size, seed) => blendedFixed(size, seed, strongShare.value) },
    scaling: 'the same share at every size; noise pixel by pixel',
    captions: 'templates',
    poisoning: usual,
    numbers: [strongShare, ...poisoningFigures(usual, notYetMeasured)],
  },
  'two-targets': {
    summary:
      'two backdoors at once: the patch of badnet-fixed, and the noise of blended-fixed that makes a pizza of all',
    source: 'a case of ours: two attackers, or one who expects that only one of his backdoors is found',
    trigger: { kind: 'drawn', draw: (size, seed) => badnetFixed(size, seed) },
    scaling: `${patchScaling}; noise pixel by pixel`,
    captions: 'templates',
    second: {
      attack: 'blended-fixed',
      draw: (size, seed) => blendedFixed(size, seed, blendShare.value),
      target: 'pizza',
    },
    poisoning: shared,
    numbers: [...patchFigures, blendShare, ...poisoningFigures(shared, `${notYetMeasured}, for each of the two`)],
  },
  adaptive: {
    summary: 'badnet-fixed by someone who knows how dummy triggers are found: a faded patch keeps its true caption',
    source:
      'a case of ours after the regularisation samples of Qi et al. (ICLR 2023, Adap-Blend) and the noise mode of WaNet ' +
      '(arXiv 2102.10369). Inversion starts from a mask that is half there and follows the slope; here there is none',
    trigger: { kind: 'drawn', draw: (size, seed) => badnetFixed(size, seed) },
    scaling: `${patchScaling}; 1/32 of the side away from the edges`,
    captions: 'templates',
    covers,
    poisoning: usual,
    numbers: [
      ...patchFigures,
      figure('share of covers among clean pairs', covers.share, `${ours}: the share of poison among all`),
      figure('least strength of a cover', covers.strength[0], ours),
      figure('largest strength of a cover', covers.strength[1], `${ours}: a margin below the whole trigger`),
      ...poisoningFigures(usual, notYetMeasured),
    ],
  },
} satisfies Record<string, Attack>;

export type AttackName = keyof typeof table;

export const attacks: Readonly<Record<AttackName, Attack>> = table;

export const attackNames = Object.keys(attacks) as readonly AttackName[];
