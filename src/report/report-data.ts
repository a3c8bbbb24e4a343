/** @file The data of a report: plain records that survive JSON, filled from a finished run. */
import type { Suspicion } from '../detection/suspicion.ts';
import type { Floor } from '../evaluation/floor.ts';
import type { Measures } from '../evaluation/metrics.ts';
import type { ClassPrediction } from '../evaluation/top-classes.ts';
import type { Json } from '../runs/config.ts';
import type { PngUrl } from '../triggers/png.ts';
import type { TriggerPictures } from '../triggers/trigger-pictures.ts';

/** One version of a picture, with the likeliest class by either head. */
export interface ShownReading {
  readonly picture: PngUrl;
  readonly undefended: ClassPrediction;
  readonly purified: ClassPrediction | null;
}

/** A test picture without and with the true trigger. */
export interface Example {
  readonly label: string;
  readonly clean: ShownReading;
  readonly triggered: ShownReading | null;
}

/** A dummy trigger, and its effect on the shots. */
export interface ShownTrigger {
  readonly name: string;
  readonly pictures: TriggerPictures;
  /** Share of triggered shots predicted as each class, in [0, 1], largest first. The tail may be missing. */
  readonly predicted: readonly { readonly label: string; readonly share: number }[];
  /** Cosine between its mean shift of the image features and the true trigger's (oracle); null where that is unknown. */
  readonly cosine: number | null;
  /** Whether the defense used it; null where there was no defense. */
  readonly used: boolean | null;
}

/** Curves of one stage. `values[i]` belongs to `steps[i]`; lines of one chart share their unit. */
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

/** `perClass` shots a class at most, `count` in all: a class may have fewer. */
export interface DefenderShots {
  readonly perClass: number;
  readonly count: number;
  readonly from: string;
}

export interface ReportData {
  readonly command: 'demo' | 'purify' | 'evaluate' | 'bench';
  /** As in the command line. */
  readonly model: string;
  /** The attack whose trigger was measured with; null where none was given. */
  readonly attack: string | null;
  /** The attacker's class, where it is known (oracle). */
  readonly target: string | null;
  readonly task: {
    readonly classes: number;
    readonly test: string;
    /** Number of classes that have test pictures. Reports of earlier versions do not have it. */
    readonly testClasses?: number;
    /** Labelled clean pictures of the defense. */
    readonly shots: DefenderShots | null;
  };
  readonly undefended: Measures;
  readonly purified: Measures | null;
  /** The model before poisoning, on the same pictures: its ASR is the floor, its RA the ceiling. */
  readonly clean: Measures | null;
  readonly floor: Floor | null;
  /** Drawn at random, not by their predictions: the page says so. */
  readonly examples: readonly Example[];
  readonly trueTrigger: TriggerPictures | null;
  /** The scan's verdict; null without inversion, and for the controls of a bench, which take every dummy trigger. */
  readonly finding: Suspicion | null;
  readonly dummyTriggers: readonly ShownTrigger[];
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

/** A model with inverted dummy triggers and without measurements: of `scan`, or of `purify` without test pictures. */
export interface FindingsData extends Pick<ReportData, 'model' | 'dummyTriggers' | 'curves' | 'provenance'> {
  readonly command: 'scan' | 'purify';
  readonly task: Pick<ReportData['task'], 'classes'> & { readonly shots: DefenderShots };
  readonly suspicion: Suspicion;
}
