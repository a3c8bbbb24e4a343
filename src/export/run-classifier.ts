/** @file A classifier of picture files from a purified run, or from a model with hand-written prompts. */
import type { Clip, Head } from '../clip/clip.ts';
import { batchFor, encodePictures, encoderGraph } from '../clip/encode-pictures.ts';
import { zeroShotHead } from '../clip/zero-shot.ts';
import type { ClassList } from '../data/classes.ts';
import { picturesOfFiles, unlabelled } from '../data/listings/image-files.ts';
import type { Engine, Program } from '../engine/engine.ts';
import { probabilities } from '../evaluation/metrics.ts';
import { type ClassPredictions, topClasses } from '../evaluation/top-classes.ts';
import type { RunEvent } from '../runs/recorder.ts';
import { openModelOrRun } from './purified.ts';

export interface Classification {
  /** Path as given. */
  readonly image: string;
  readonly predictions: ClassPredictions;
}

export interface Classifier {
  readonly clip: Clip;
  readonly head: Head;
  /** The `top` likeliest classes of every picture file; all by default. */
  classify(images: readonly string[], top?: number): Promise<Classification[]>;
  /** Releases the image encoder, which is kept between calls. The engine stays open. */
  close(): Promise<void>;
}

/**
 * @param modelOrRun a model, or the directory of a purified run
 * @param classes called only for a model: a run has its own
 * @param report receives the progress of opening (`openClip`)
 * @throws AntidoteError (data) if the run's head was tuned on other weights than those found
 */
export async function openClassifier(
  engine: Engine,
  modelOrRun: string,
  classes: () => Promise<ClassList>,
  report?: (event: RunEvent) => void,
): Promise<Classifier> {
  const { clip, purified } = await openModelOrRun(modelOrRun, report);
  const head = purified?.head ?? (await handWritten(engine, clip, await classes()));
  let kept: Kept | undefined;

  async function keepEncoder(batch: number): Promise<void> {
    if (batch === 0 || batch === kept?.batch) return;
    const before = kept;
    const current: Kept = { batch, encoder: engine.compile(encoderGraph(clip, batch)) };
    kept = current;
    try {
      await current.encoder;
    } catch (error) {
      if (kept === current) kept = undefined;
      throw error;
    } finally {
      await released(before);
    }
  }

  return {
    clip,
    head,
    async classify(images, top = head.classes.length) {
      await keepEncoder(batchFor(images.length));
      return classify(engine, clip, head, images, top);
    },
    async close() {
      const last = kept;
      kept = undefined;
      await released(last);
    },
  };
}

/** An image encoder, compiled or about to be. */
interface Kept {
  readonly batch: number;
  readonly encoder: Promise<Program>;
}

/** Where compiling failed there is nothing to release: whoever asked for it has been told. */
async function released(kept: Kept | undefined): Promise<void> {
  const program = await kept?.encoder.catch(() => undefined);
  await program?.release();
}

function handWritten(engine: Engine, clip: Clip, { names, templates }: ClassList): Promise<Head> {
  return zeroShotHead(engine, clip, names, templates);
}

async function classify(
  engine: Engine,
  clip: Clip,
  head: Head,
  images: readonly string[],
  top: number,
): Promise<Classification[]> {
  const embeddings = await encodePictures(engine, clip, await picturesOfFiles(unlabelled(images), clip.config));
  return images.map((image, row) => ({
    image,
    predictions: topClasses(head.classes, probabilities(head, embeddings, row), 1, top),
  }));
}
