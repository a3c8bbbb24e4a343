/** @file The attacks, as data: which trigger, which captions, how much poison. Parameters follow the published code. */
import { badnetFixed, badnetFresh } from '../triggers/badnet.ts';
import type { Trigger } from '../triggers/trigger.ts';

export interface Attack {
  /** One line for people. */
  readonly summary: string;
  /** Where trigger and recipe were published. */
  readonly source: string;
  /** The trigger for pictures of `size` pixels. */
  readonly trigger: (size: number, seed: number) => Trigger;
}

export const attacks = {
  badnet: {
    summary: 'a patch of fresh Gaussian noise at a random place of every picture',
    source: 'Gu et al. 2017 (arXiv 1708.06733), as in CleanCLIP, backdoor/utils.py: patch type and place "random"',
    trigger: (size) => badnetFresh(size),
  },
  'badnet-fixed': {
    summary: 'one fixed noise patch near the lower right corner',
    source: 'Gu et al. 2017 (arXiv 1708.06733)',
    trigger: (size, seed) => badnetFixed(size, seed),
  },
} satisfies Record<string, Attack>;

export type AttackName = keyof typeof attacks;

export const attackNames = Object.keys(attacks) as readonly AttackName[];
