/** @file Linear probe: texts are discarded, and a linear layer is learned on the frozen image features. */
import type { Head } from '../clip/clip.ts';
import { logitScale } from '../clip/zero-shot.ts';
import { l2Normalize } from '../graph/composites.ts';
import { gradients } from '../graph/gradients.ts';
import type { Graph } from '../graph/graph.ts';
import { input } from '../graph/leaves.ts';
import { randomFor } from '../tensor/random.ts';
import { float32, int64, rowsAt, scaleToUnit, type Tensor } from '../tensor/tensor.ts';
import { adam, adamFeeds, adamStart } from '../training/adam.ts';
import { inEpochs } from '../training/epochs.ts';
import { optimise, scalar } from '../training/optimise.ts';
import { warmupCosine } from '../training/schedule.ts';
import { classLoss } from './class-loss.ts';
import type { BlindDefense } from './defense.ts';
import { cachedFeatures } from './features.ts';
import { defaultViews, withViews } from './views.ts';

export interface LinearProbeOptions {
  readonly steps: number;
  readonly batch: number;
  /** Adam's peak learning rate: the best of five on the clean Emoji-CLIP, since a new layer has no accuracy to lose. */
  readonly rate: number;
  readonly warmup: number;
  /** Views of each shot; as in CBPT, because features are frozen here too. */
  readonly views: number;
  readonly saveEvery: number;
}

/**
 * The layer has the form of a head: unit rows, no bias, the model's own logit scale. Rows start from random directions:
 * unlike tuned prompts, the probe uses nothing of the texts.
 */
export const linearProbe: BlindDefense<LinearProbeOptions> = {
  knows: 'shots',
  summary: 'a linear layer learned on the frozen image features; texts are not used',
  source:
    'as CleanCLIP (arXiv 2303.03323) and RVPT (arXiv 2412.20392) compare with: batch 32 to 64, 10 to 40 passes. Unit rows, no bias and Adam are ours',
  defaults: { steps: 1000, batch: 64, rate: 3e-2, warmup: 10, views: defaultViews, saveEvery: 250 },
  async run(task, options) {
    const { engine, clip, shots, seed, recorder } = task;
    const own = await cachedFeatures(task, shots, 'features');
    const { features, labels } = await withViews(task, own, options.views);
    const { classes } = shots;
    const { embedding } = clip.config;
    const scale = await logitScale(clip);
    const batch = Math.min(options.batch, labels.length);
    const order = inEpochs(labels.length, batch, (pass) => randomFor(seed, 'pass', pass));
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
  const embeddings = input('features', [batch, embedding]);
  const loss = classLoss({ embeddings, texts: l2Normalize(rows), labels: input('labels', [batch], 'int64'), scale });
  return { outputs: { loss }, state: adam(new Map([['rows', rows]]), gradients(loss, [rows])) };
}

function headOf(classes: readonly string[], scale: number, { shape, data }: Tensor<'float32'>): Head {
  const embedding = shape[1]!;
  const embeddings = data.slice();
  for (let row = 0; row < embeddings.length; row += embedding) scaleToUnit(embeddings.subarray(row, row + embedding));
  return { classes, embedding, scale, embeddings };
}
