/** @file What a report is drawn from: plain records that survive JSON, filled from a finished run. */
import type { Suspicion } from '../detection/suspicion.ts';
import type { Proportion } from '../evaluation/interval.ts';
import type { PngUrl } from '../triggers/png.ts';
import type { TriggerPictures } from '../triggers/trigger-pictures.ts';

/**
 * One model, measured. `ca`: clean pictures classified as their class. `asr`: triggered pictures, not of the target
 * class, classified as the target. `asrAll`: the same over all triggered pictures. `ra`: triggered pictures, not of
 * the target class, classified as their own class. The last three are null where there is nothing to count: no trigger, or no known target, or no
 * picture outside its class. Every proportion that is there counts at least one picture.
 */
export interface Measures {
  readonly ca: Proportion;
  readonly asr: Proportion | null;
  readonly asrAll: Proportion | null;
  readonly ra: Proportion | null;
}

/** A model's first choice; `probability` in [0, 1]. */
export interface Prediction {
  readonly label: string;
  readonly probability: number;
}

/** What the two models say about one version of a picture. */
export interface Reading {
  readonly picture: PngUrl;
  readonly undefended: Prediction;
  readonly purified: Prediction | null;
}

/** A test picture without and with the true trigger. */
export interface Example {
  readonly label: string;
  readonly clean: Reading;
  readonly triggered: Reading | null;
}

/** A trigger that inversion found, and what it does to the shots. */
export interface DummyTrigger {
  readonly name: string;
  readonly pictures: TriggerPictures;
  /** Share of triggered shots predicted as each class, in [0, 1], largest first. The tail may be left off. */
  readonly predicted: readonly { readonly label: string; readonly share: number }[];
  /** Cosine between its mean shift of the image features and the true trigger's (oracle). Null where that is unknown. */
  readonly cosine: number | null;
  /** Whether the defense was given it; null where nothing was defended. */
  readonly used: boolean | null;
}

/** The course of one stage. `values[i]` belongs to `steps[i]`; lines of one chart share their unit. */
export interface Curves {
  readonly title: string;
  readonly steps: readonly number[];
  readonly lines: readonly { readonly name: string; readonly values: readonly number[] }[];
}

/** Clean accuracy of one class: `undefended` and `purified` count right answers among `n` pictures. */
export interface ClassAccuracy {
  readonly label: string;
  readonly n: number;
  readonly undefended: number;
  readonly purified: number;
}

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** `perClass` were asked for, `count` were there: a class may have fewer. */
export interface DefenderShots {
  readonly perClass: number;
  readonly count: number;
  readonly from: string;
}

export interface ReportData {
  readonly command: 'demo' | 'purify' | 'evaluate' | 'bench';
  /** As the user called it. */
  readonly model: string;
  /** The attack whose trigger was used for measuring; null where none was given. */
  readonly attack: string | null;
  /** The class that the attacker wants, where it is known (oracle). */
  readonly target: string | null;
  readonly task: {
    readonly classes: number;
    readonly test: string;
    /** Labelled clean pictures that the defense was given. */
    readonly shots: DefenderShots | null;
  };
  readonly undefended: Measures;
  readonly purified: Measures | null;
  /** The model before poisoning, on the same pictures: its ASR is the floor, its RA the ceiling. */
  readonly clean: Measures | null;
  /** ASR that no defense can beat, and what it was measured with. */
  readonly floor: { readonly asr: Proportion; readonly from: string } | null;
  /** Drawn at random, not by what a model says of them: the page says so. */
  readonly examples: readonly Example[];
  readonly trueTrigger: TriggerPictures | null;
  /** What inversion says of the model; null where none was done, or nobody judged by it. */
  readonly finding: Suspicion | null;
  readonly dummyTriggers: readonly DummyTrigger[];
  readonly curves: readonly Curves[];
  readonly classes: readonly ClassAccuracy[];
  readonly provenance: {
    /** The command line that repeats the run. */
    readonly repeat: string;
    /** ISO 8601, UTC. */
    readonly finished: string;
    readonly stages: readonly { readonly name: string; readonly seconds: number }[];
    readonly versions: Readonly<Record<string, string>>;
    /** SHA-256 of what went in, by name. */
    readonly hashes: Readonly<Record<string, string>>;
    readonly config: Json;
  };
}

/** A model that dummy triggers were inverted in, and nothing measured: by `scan`, or by `purify` without test pictures. */
export interface FindingsData extends Pick<ReportData, 'model' | 'dummyTriggers' | 'curves' | 'provenance'> {
  readonly command: 'scan' | 'purify';
  readonly task: Pick<ReportData['task'], 'classes'> & { readonly shots: DefenderShots };
  readonly suspicion: Suspicion;
}
