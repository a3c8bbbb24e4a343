/** @file The defenses, as a table: CBPT, its controls, and the baselines it is compared with. */
import { withWordEach, zeroShotHead } from '../clip/zero-shot.ts';
import { activationTuning } from './activation-tuning.ts';
import { cbptAndControls } from './cbpt/controls.ts';
import { cleanClip } from './cleanclip.ts';
import type { BlindDefense, Defense } from './defense.ts';
import { fineTune } from './fine-tune.ts';
import { linearProbe } from './linear-probe.ts';
import { par } from './par.ts';
import { textProjection } from './text-projection.ts';

const none: BlindDefense = {
  knows: 'nothing',
  summary: 'no defense: hand-written prompts on the model as it is',
  source: 'zero-shot classification (arXiv 2103.00020)',
  defaults: {},
  run: async ({ engine, clip, shots, templates }) => {
    const headOf = (prompts: readonly string[]) => zeroShotHead(engine, clip, shots.classes, prompts);
    return {
      kind: 'head',
      head: await headOf(templates),
      withWord: (word) => headOf(withWordEach(word, templates)),
    };
  },
};

export const defenses = {
  none,
  ...cbptAndControls,
  'text-projection': textProjection,
  'linear-probe': linearProbe,
  'fine-tune': fineTune,
  cleanclip: cleanClip,
  par,
  'activation-tuning': activationTuning,
} satisfies Record<string, Defense>;

export type DefenseName = keyof typeof defenses;

export const defenseNames = Object.keys(defenses) as readonly DefenseName[];
