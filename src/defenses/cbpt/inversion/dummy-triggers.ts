/** @file Stage 1 as a whole: dummy triggers of all forms, and which of them count as a backdoor's. */
import type { Head } from '../../../clip/clip.ts';
import type { Defender } from '../../defender.ts';
import type { SeenInCrowd } from '../../seen-shots.ts';
import { type DummyTrigger, onMoreShots } from './examine.ts';
import {
  areFew,
  type Form,
  type FormFacts,
  forEachForm,
  formFacts,
  type InvertedForm,
  type NamedForm,
  named,
} from './forms.ts';
import { type InversionOptions, invertTrigger } from './invert-trigger.ts';
import { type RaceOptions, racePatches } from './race/patch-race.ts';
import { sampleWaves } from './sampled-waves.ts';

/** Which forms are sought, how, and when a finding is believed. */
export interface SearchOptions {
  readonly inversion: InversionOptions & RaceOptions;
  /**
   * Forms that are inverted, in this order; a form that is listed twice is inverted from a second start if it is believed
   * from the first. A patch is sought for the classes that earlier believed triggers lead to, or else all classes run a
   * race. `formFacts` says which forms are sought only sometimes.
   */
  readonly forms: readonly Form[];
  readonly belief: Belief;
}

export interface DummyOptions extends SearchOptions {
  readonly seed: number;
}

/** Concentration from which on a dummy trigger of each form counts as a backdoor's, in [0, 1]. */
export type Belief = Readonly<Record<Form, number>>;

/** Every dummy trigger is used: for controls. */
export const beliefInAll: Belief = forEachForm(() => 0);

/** Defaults chosen by measurement: docs/method.md, "Choices". */
export const searchDefaults: SearchOptions = {
  inversion: {
    variant: 'collapse',
    steps: 100,
    batch: 32,
    patchBatch: 64,
    rate: 0.1,
    additiveRate: 0.01,
    bound: 12 / 255,
    window: 0.25,
    patchRate: 0.1,
    heatWindow: 0.375,
    heatRate: 0.2,
    temperature: 0.1,
    alpha: 0.1,
    sparsity: 20,
    saveEvery: 40,
  },
  forms: ['sparse', 'sparse', 'patch', 'waves', 'blend', 'elsewhere'],
  belief: forEachForm((form) => formFacts[form].believedFrom),
};

/** Concentration from which on a backdoor of a form is sure, for a number of pictures. */
export function sureFrom(form: Form, belief: Belief, pictures: number): number {
  const { withFewPictures = 1 }: FormFacts = formFacts[form];
  return belief[form] * (areFew(pictures) ? withFewPictures : 1);
}

/** The findings of stage 1. */
export interface Inversion {
  /** All dummy triggers that were found, used or not. */
  readonly dummies: readonly DummyTrigger[];
  /** The believed ones, which tuning works against. */
  readonly used: readonly DummyTrigger[];
}

/** For runs that search for nothing. */
export const nothingFound: Inversion = { dummies: [], used: [] };

/** Inverts the listed forms. */
export async function invertForms(
  defender: Defender,
  seen: SeenInCrowd,
  { forms, inversion, belief }: SearchOptions,
): Promise<Inversion> {
  const { shots, recorder } = defender;
  const isSure = ({ form, concentration }: DummyTrigger) =>
    concentration >= sureFrom(form, belief, shots.labels.length);
  const dummies: DummyTrigger[] = [];
  const used: DummyTrigger[] = [];
  for (const listed of named(forms)) {
    const leftOut = whyLeftOut(listed, { dummies, used, sure: used.some(isSure) });
    if (leftOut) {
      recorder.record({ stage: `invert-${listed.name}-result`, leftOut });
      continue;
    }
    const search = { defender, seen, inversion, suspects: suspectsIn(seen.crowd, used), isSure };
    const judged = await finders[listed.form](search, listed.name);
    const believed = isBelieved(judged, belief);
    const dummy = believed ? await onMoreShots(defender, judged) : judged;
    dummies.push(dummy);
    if (believed) used.push(dummy);
  }
  return { dummies, used };
}

/** The input of a finder. */
interface Search {
  readonly defender: Defender;
  readonly seen: SeenInCrowd;
  readonly inversion: SearchOptions['inversion'];
  /** Labels, in the crowd, that believed triggers lead to. */
  readonly suspects: readonly number[];
  readonly isSure: (dummy: DummyTrigger) => boolean;
}

/** How a dummy trigger of each form is found, under a name. */
const finders: Readonly<Record<Form, (search: Search, name: string) => Promise<DummyTrigger>>> = {
  additive: (search, name) => byContrast(search, { name, form: 'additive' }),
  sparse: (search, name) => byContrast(search, { name, form: 'sparse' }),
  patch: ({ inversion, seen, ...search }, name) => racePatches({ ...search, head: seen.crowd, name }, inversion),
  waves: ({ defender, seen }, name) => sampleWaves(defender, seen.crowd, { name, form: 'waves' }),
  blend: (search, name) => byContrast(search, { name, form: 'blend' }),
  elsewhere: (search, name) => byContrast(search, { name, form: 'elsewhere' }, search.suspects),
};

function byContrast(
  { defender, seen, inversion }: Search,
  listed: NamedForm<InvertedForm>,
  avoided: readonly number[] = [],
): Promise<DummyTrigger> {
  return invertTrigger(defender, { clean: seen.clean, head: seen.crowd, avoided }, listed, inversion);
}

/** Labels that believed triggers lead to. */
const suspectsIn = ({ classes }: Head, used: readonly DummyTrigger[]) => [
  ...new Set(used.map(({ dominant }) => classes.indexOf(dominant))),
];

/** Why a form need not be inverted after the earlier findings; undefined if it must. */
function whyLeftOut(
  { form }: NamedForm,
  { dummies, used, sure }: Inversion & { readonly sure: boolean },
): string | undefined {
  const includesForm = (found: readonly DummyTrigger[]) => found.some((dummy) => dummy.form === form);
  if (includesForm(dummies) && !includesForm(used)) return 'this form is not believed from its first start';
  switch (formFacts[form].sought) {
    case 'always':
      return undefined;
    case 'as a last resort':
      return sure ? 'a trigger is found already' : undefined;
    case 'beside another':
      return used.length === 0 ? 'no trigger is found that another one could be beside' : undefined;
  }
}

/** Whether tuning works against a dummy trigger: more concentrated than almost any ordinary adversarial pattern of its form. */
export function isBelieved(
  { form, concentration }: Pick<DummyTrigger, 'form' | 'concentration'>,
  belief: Belief,
): boolean {
  return concentration >= belief[form];
}
