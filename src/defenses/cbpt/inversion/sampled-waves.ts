/**
 * @file Faint changes of the whole picture, found by sampling: plane waves are drawn at random, and those that most often
 * send pictures to the same class become the dummy trigger. Nothing is optimised.
 */
import type { Head } from '../../../clip/clip.ts';
import type { PictureSet } from '../../../clip/pictures/pictures.ts';
import { subset } from '../../../data/few-shot.ts';
import { predict } from '../../../evaluation/metrics.ts';
import { type Random, randomFor } from '../../../tensor/random.ts';
import { sha256 } from '../../../tensor/sha256.ts';
import { rowsAt } from '../../../tensor/tensor.ts';
import { triggerRecord, type WavesTrigger } from '../../../triggers/trigger.ts';
import { addWave, drawWaves } from '../../../triggers/waves.ts';
import type { Defender } from '../../defender.ts';
import { ownFeatures } from '../../features.ts';
import { type DummyTrigger, examine } from './examine.ts';
import type { NamedForm } from './forms.ts';

/** Waves tried: docs/ablations.md, "Waves". */
const wavesTried = 512;

/** Pictures that each wave is tried on. */
export const picturesEach = 8;

/** Waves of the dummy trigger: enough to cover the waves that the backdoor answers to (docs/ablations.md, "Waves"). */
const wavesKept = 16;

/** Pictures that go through the tower for all waves. */
export const sampledPictures = wavesTried * picturesEach;

/**
 * A backdoor also answers to patterns that resemble its trigger: of some hundred waves many are close enough to a published
 * sine. On a model without such a backdoor no class is reached by as many.
 */
export async function sampleWaves(defender: Defender, head: Head, named: NamedForm): Promise<DummyTrigger> {
  const { shots, seed } = defender;
  const stage = `invert-${named.name}`;
  const waves = drawWaves(wavesTried, randomFor(seed, stage, 'waves'));
  const trials = eachOnSome(shots, waves, randomFor(seed, stage, 'pictures'));
  const predicted = predict(head, await ownFeatures(defender, trials, stage));
  const best = bestWaves(predicted, trials.labels, head.classes.length);
  const trigger: WavesTrigger = { kind: 'waves', waves: rowsAt(waves.waves, best) };
  return examine(defender, head, named, trigger);
}

/** Shots drawn at random with the waves added: {@link picturesEach} shots per wave, wave by wave. */
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

/** How well a wave reaches a class. */
interface Reach {
  readonly wave: number;
  readonly score: number;
}

/**
 * The {@link wavesKept} best waves of the class whose best waves have the highest total score. Pictures of the class itself
 * say nothing about a wave; a wave that was tried on few others is trusted less.
 *
 * @param predicted predicted classes of the trials, wave by wave
 * @param labels their true classes
 * @returns the waves, best first; the first {@link wavesKept} waves where no prediction is wrong
 */
export function bestWaves(predicted: ArrayLike<number>, labels: ArrayLike<number>, classes: number): readonly number[] {
  const reached: Reach[][] = Array.from({ length: classes }, () => []);
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
  const total = (waves: readonly Reach[]) => waves.reduce((sum, { score }) => sum + score, 0);
  const found = best.reduce((most, waves) => (total(waves) > total(most) ? waves : most)).map(({ wave }) => wave);
  const tried = predicted.length / picturesEach;
  return found.length > 0 ? found : Array.from({ length: Math.min(wavesKept, tried) }, (_, wave) => wave);
}
