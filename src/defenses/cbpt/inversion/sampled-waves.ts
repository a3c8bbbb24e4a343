/**
 * @file Faint changes of the whole picture, found by sampling: plane waves are drawn at random, and those that most often
 * send pictures to one and the same class become the dummy trigger. Nothing is optimised.
 */
import type { Clip, Head } from '../../../clip/clip.ts';
import type { PictureSet } from '../../../clip/pictures/pictures.ts';
import { subset } from '../../../data/few-shot.ts';
import type { Engine } from '../../../engine/engine.ts';
import { predict } from '../../../evaluation/metrics.ts';
import type { Recorder } from '../../../runs/recorder.ts';
import { type Random, randomFor } from '../../../tensor/random.ts';
import { sha256 } from '../../../tensor/sha256.ts';
import { rowsAt } from '../../../tensor/tensor.ts';
import { triggerRecord } from '../../../triggers/hash.ts';
import type { WavesTrigger } from '../../../triggers/trigger.ts';
import { addWave, drawWaves } from '../../../triggers/waves.ts';
import { ownFeatures } from '../../features.ts';
import { type DummyTrigger, examine } from './examine.ts';
import type { NamedForm } from './forms.ts';

/** Waves that are tried. */
const wavesTried = 512;

/** Pictures that each of them is tried on. */
export const picturesEach = 8;

/** Waves of the dummy trigger: enough to cover what the backdoor answers to (docs/method.md, "Waves"). */
const wavesKept = 16;

/** Pictures that go through the tower for all waves. */
export const sampledPictures = wavesTried * picturesEach;

/**
 * A backdoor answers also to what only resembles its trigger: of some hundred waves many are near enough to a published
 * sine to be obeyed. On a model without such a backdoor no class is reached by as many.
 */
export async function sampleWaves(
  engine: Engine,
  clip: Clip,
  given: { readonly shots: PictureSet; readonly head: Head },
  named: NamedForm,
  seed: number,
  recorder: Recorder,
): Promise<DummyTrigger> {
  const stage = `invert-${named.name}`;
  const waves = drawWaves(wavesTried, randomFor(seed, stage, 'waves'));
  const trials = eachOnSome(given.shots, waves, randomFor(seed, stage, 'pictures'));
  const predicted = predict(given.head, await ownFeatures(engine, clip, trials, stage, recorder));
  const best = mostObeyed(predicted, trials.labels, given.head.classes.length);
  const trigger: WavesTrigger = { kind: 'waves', waves: rowsAt(waves.waves, best) };
  return examine(engine, clip, given, named, trigger, seed, recorder);
}

/** Shots drawn for every wave, with that wave: wave by wave, {@link picturesEach} for each. */
function eachOnSome(shots: PictureSet, waves: WavesTrigger, random: Random): PictureSet {
  const positions = Array.from({ length: sampledPictures }, () => random.integer(shots.labels.length));
  const plain = subset(shots, positions);
  return {
    ...plain,
    hash: sha256(JSON.stringify([plain.hash, triggerRecord(waves)])),
    async read(inner, decoders) {
      const { data, ...pictures } = await plain.read(inner, decoders);
      const changed = data.slice();
      const length = changed.length / inner.length;
      inner.forEach((position, i) => {
        const picture = changed.subarray(i * length, (i + 1) * length);
        addWave(waves, Math.floor(position / picturesEach), picture, shots.size);
      });
      return { ...pictures, data: changed };
    },
  };
}

/** How well a class is reached by a wave. */
interface Trial {
  readonly wave: number;
  readonly score: number;
}

/**
 * Of all classes take the one that its own {@link wavesKept} best waves reach most often together. Pictures of the class
 * itself tell nothing of a wave; one that is left with few others is trusted less.
 *
 * @param predicted classes of the trials, wave by wave
 * @param labels their true classes
 * @returns those waves, the best first; where no picture is sent anywhere all are as good, and the first are taken
 */
export function mostObeyed(
  predicted: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
): readonly number[] {
  const reached: Trial[][] = Array.from({ length: classes }, () => []);
  for (let wave = 0; wave * picturesEach < predicted.length; wave++) {
    const pictures = Array.from({ length: picturesEach }, (_, i) => wave * picturesEach + i);
    const hits = new Map<number, number>();
    for (const at of pictures) {
      if (predicted[at] !== labels[at]) hits.set(predicted[at]!, (hits.get(predicted[at]!) ?? 0) + 1);
    }
    for (const [label, count] of hits) {
      const others = pictures.filter((at) => labels[at] !== label).length;
      reached[label]!.push({ wave, score: count / (others + 1) });
    }
  }
  const best = reached.map((waves) => waves.sort((a, b) => b.score - a.score).slice(0, wavesKept));
  const total = (waves: readonly Trial[]) => waves.reduce((sum, { score }) => sum + score, 0);
  const obeyed = best.reduce((most, waves) => (total(waves) > total(most) ? waves : most)).map(({ wave }) => wave);
  const tried = predicted.length / picturesEach;
  return obeyed.length > 0 ? obeyed : Array.from({ length: Math.min(wavesKept, tried) }, (_, wave) => wave);
}
