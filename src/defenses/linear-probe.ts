/** @file Linear probe: the texts are thrown away, and a linear layer is learned on the frozen image features. */
import type { Head } from '../clip/clip.ts';
import { logitScale } from '../clip/zero-shot.ts';
import { l2Normalize } from '../graph/composites.ts';
import { gradients } from '../graph/gradients.ts';
import type { Graph } from '../graph/graph.ts';
import { input } from '../graph/leaves.ts';
import { randomFor } from '../tensor/random.ts';
import { float32, int64, rowsAt, type Tensor } from '../tensor/tensor.ts';
import { scaleToUnit } from '../tensor/unit.ts';
import { adam, adamFeeds, adamStart } from '../training/adam.ts';
import { optimise, scalar } from '../training/optimise.ts';
import { inPasses } from '../training/passes.ts';
import { warmupCosine } from '../training/schedule.ts';
import { classification } from './cbpt/losses.ts';
import { cbptDefaults } from './cbpt/purify.ts';
import { withViews } from './cbpt/tuning/views.ts';
import type { BlindDefense } from './defense.ts';
import { cachedFeatures } from './features.ts';

export interface LinearProbeOptions {
  readonly steps: number;
  readonly batch: number;
  /** Adam's peak learning rate: the best of five on the clean Emoji-CLIP, for there is no accuracy to lose. */
  readonly rate: number;
  readonly warmup: number;
  /** Views of each shot, as in CBPT: features are frozen here too, and both may see the same. */
  readonly views: number;
  readonly saveEvery: number;
}

/**
 * The layer is kept in the form of a head: rows of unit length, no bias, the model's own logit scale. Rows start from
 * random directions, so that nothing of the texts is in it: that is what tells the probe from tuned prompts.
 */
export const linearProbe: BlindDefense<LinearProbeOptions> = {
  knows: 'shots',
  summary: 'a linear layer learned on the frozen image features; texts are not used',
  source:
    'as CleanCLIP (arXiv 2303.03323) and RVPT (arXiv 2412.20392) compare with: batch 32 to 64, 10 to 40 passes. Unit rows, no bias and Adam are ours',
  defaults: { steps: 1000, batch: 64, rate: 3e-2, warmup: 10, views: cbptDefaults.views, saveEvery: 250 },
  async run({ engine, clip, shots, seed, recorder }, options) {
    const own = await cachedFeatures(engine, clip, shots, 'features', recorder);
    const { features, labels } = await withViews(engine, clip, shots, own, options.views, seed, recorder);
    const { classes } = shots;
    const { embedding } = clip.config;
    const scale = await logitScale(clip);
    const batch = Math.min(options.batch, labels.length);
    const order = inPasses(labels.length, batch, seed);
    const random = randomFor(seed, 'linear-probe', 'start');
    const directions = Float32Array.from(
      { length: classes.length * embedding },
      () => random.normal() * embedding ** -0.5,
    );
    const final = await optimise(
      engine,
      {
        stage: 'linear-probe',
        graph: probeStep(classes.length, embedding, batch, scale),
        start: adamStart({ rows: float32(directions, [classes.length, embedding]) }),
        steps: options.steps,
        saveEvery: options.saveEvery,
        feeds: (step) => {
          const chosen = order(step);
          return {
            features: rowsAt(features, chosen),
            labels: int64(
              chosen.map((position) => labels[position]!),
              [batch],
            ),
            ...adamFeeds(step, warmupCosine(step, options.steps, options.rate, options.warmup)),
          };
        },
        measure: (_step, outputs) => ({ loss: scalar(outputs.loss) }),
      },
      recorder,
    );
    return { kind: 'head', head: headOf(classes, scale, final.rows as Tensor<'float32'>) };
  },
};

function probeStep(classes: number, embedding: number, batch: number, scale: number): Graph {
  const rows = input('rows', [classes, embedding]);
  const features = input('features', [batch, embedding]);
  const loss = classification(features, l2Normalize(rows), input('labels', [batch], 'int64'), scale);
  return { outputs: { loss }, state: adam(new Map([['rows', rows]]), gradients(loss, [rows])) };
}

function headOf(classes: readonly string[], scale: number, { shape, data }: Tensor<'float32'>): Head {
  const embedding = shape[1]!;
  const embeddings = data.slice();
  for (let row = 0; row < embeddings.length; row += embedding) scaleToUnit(embeddings.subarray(row, row + embedding));
  return { classes, embedding, scale, embeddings };
}
