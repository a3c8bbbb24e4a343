/** @file The forms that a dummy trigger may take, and the facts about each as a table. */

/** `parametrisations.ts` says how a form changes pixels, `dummy-triggers.ts` how it is found; the rest is here. */
export interface FormFacts {
  /** `as a last resort`: only while no sure backdoor is found. `beside another`: only once one is believed, to find a second. */
  readonly sought: 'always' | 'as a last resort' | 'beside another';
  /**
   * Concentration, in [0, 1], from which on a dummy trigger counts as a backdoor's: the largest on models without one, and a
   * margin. Sources of the numbers: docs/ablations.md, "Concentration".
   */
  readonly believedFrom: number;
  /** With few pictures ordinary patterns of the form reach so much further that a backdoor is sure from this multiple on. */
  readonly withFewPictures?: number;
  /**
   * Share of the asked steps, where the form is inverted by contrast. A backdoor is soon found; with more steps ordinary
   * patterns catch up (docs/ablations.md, "Elsewhere", "Blend"). The mask of `sparse` takes long to become as small as RA needs.
   */
  readonly stepShare?: number;
  /** Subject of the sentence about a finding. */
  readonly description: string;
}

export const formFacts = {
  /** One delta for the whole picture in a max-norm ball. */
  additive: {
    sought: 'always',
    believedFrom: 0.85,
    stepShare: 1,
    description: 'A faint change of the whole picture',
  },
  /** Mask and pattern over the whole picture, with a penalty on the mask's size. */
  sparse: {
    sought: 'always',
    believedFrom: 0.85,
    stepShare: 1,
    description: 'A pattern in a fixed place',
  },
  /** A small mask and pattern in any tile of the picture, one per class in a race (`race/patch-race.ts`). */
  patch: {
    sought: 'always',
    believedFrom: 0.85,
    withFewPictures: 1.1,
    description: 'A small patch, wherever it lies,',
  },
  /** Plane waves over the whole picture, found by sampling (`sampled-waves.ts`). */
  waves: {
    sought: 'as a last resort',
    believedFrom: 0.75,
    description: 'A faint wave over the whole picture, one of sixteen,',
  },
  /** One pattern over the whole picture, with the same opacity everywhere. */
  blend: {
    sought: 'as a last resort',
    believedFrom: 0.75,
    stepShare: 0.5,
    description: 'A pattern blended over the whole picture',
  },
  /** Like `sparse`, but away from the classes that believed triggers lead to. */
  elsewhere: {
    sought: 'beside another',
    believedFrom: 0.9,
    stepShare: 0.5,
    description: 'A pattern in a fixed place, leading elsewhere,',
  },
} as const satisfies Record<string, FormFacts>;

export type Form = keyof typeof formFacts;

/** The numbers above were measured with so many pictures or more; with fewer, chance has more say (docs/ablations.md, "Short lists"). */
export const areFew = (pictures: number): boolean => pictures < 1600;

export const formNames = Object.keys(formFacts) as readonly Form[];

/** A number for every form, for instance the concentration from which on it is believed. */
export function forEachForm(value: (form: Form) => number): Readonly<Record<Form, number>> {
  return Object.fromEntries(formNames.map((form) => [form, value(form)])) as Record<Form, number>;
}

/** A form that is inverted by contrast, without a class in mind. */
export type InvertedForm = Exclude<Form, 'patch' | 'waves'>;

/** One dummy trigger to find. */
export interface NamedForm<F extends Form = Form> {
  /** Names its stage and its files. */
  readonly name: string;
  readonly form: F;
}

/** `sparse`, `sparse-2`, `patch`: names for forms, some of which are listed twice. */
export function named(list: readonly Form[]): readonly NamedForm[] {
  return list.map((form, at) => {
    const before = list.slice(0, at).filter((earlier) => earlier === form).length;
    return { form, name: before === 0 ? form : `${form}-${before + 1}` };
  });
}

/** How many of the `asked` steps a form takes. */
export const stepsOf = (form: InvertedForm, asked: number): number => Math.ceil(formFacts[form].stepShare * asked);
