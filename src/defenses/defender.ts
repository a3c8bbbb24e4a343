/** @file Who defends: what every defense and every search for a backdoor has and works with. */
import type { Clip } from '../clip/clip.ts';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import type { Engine } from '../engine/engine.ts';
import type { Recorder } from '../runs/recorder.ts';

/** It has a model and a few pictures, and knows nothing of the trigger or of the attacker's target class. */
export interface Defender {
  readonly engine: Engine;
  /** The model that may be poisoned. */
  readonly clip: Clip;
  /** A few labelled clean pictures of every class: all the data there is. */
  readonly shots: PictureSet;
  readonly seed: number;
  readonly recorder: Recorder;
}
