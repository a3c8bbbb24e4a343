/** @file Trains Emoji-CLIP from scratch with the project's own engine: `npm run train:emoji -- [--out DIR] [--steps N]`. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { openClip } from '../src/checkpoints/open.ts';
import { writeOpenClip } from '../src/checkpoints/write-open-clip.ts';
import { terminalFor } from '../src/cli/context.ts';
import { progressLine } from '../src/cli/progress-line.ts';
import { redrawReport } from '../src/cli/report-files.ts';
import { type ClipConfig, openAiPreprocessing } from '../src/clip/config.ts';
import { encodePictures } from '../src/clip/encode-pictures.ts';
import { initialParameters } from '../src/clip/initialise.ts';
import { openClipTokenizer } from '../src/clip/tokenizer/vocabulary.ts';
import { zeroShotHead } from '../src/clip/zero-shot.ts';
import { classTemplates } from '../src/data/emoji/captions.ts';
import { emojiClasses, emojiSet, readDrawings, thingNames } from '../src/data/emoji/emoji.ts';
import type { Engine, Tensors } from '../src/engine/engine.ts';
import { openEngine } from '../src/engine/ort-engine.ts';
import { topAccuracy } from '../src/evaluation/metrics.ts';
import type { Recorder } from '../src/runs/recorder.ts';
import { createRun, openRun, recorderFor } from '../src/runs/run.ts';
import { randomFor } from '../src/tensor/random.ts';
import { float32, type Tensor } from '../src/tensor/tensor.ts';
import { type ContrastiveOptions, trainContrastive } from '../src/training/contrastive.ts';
import { emojiStream, possibleWords } from '../src/training/emoji-pairs.ts';
import { encodeCaptions, pickRows, spreadRows, type UsedTokens, usedTokens } from '../src/training/vocabulary.ts';
import { copyRecord } from './run-record.ts';

const config: ClipConfig = {
  image: { kind: 'resnet', width: 32, layers: [1, 1, 2, 1], heads: 16, resolution: 64 },
  text: { width: 192, layers: 3, heads: 3, context: 77, vocabulary: 49_408, hidden: 768 },
  embedding: 256,
  activation: 'quick-gelu',
  preprocessing: openAiPreprocessing,
};

const { values: flags } = parseArgs({
  options: {
    out: { type: 'string', default: 'runs/train-emoji' },
    model: { type: 'string', default: 'models/emoji-clip' },
    steps: { type: 'string', default: '4200' },
    seed: { type: 'string', default: '1' },
    resume: { type: 'boolean', default: false },
  },
});
const seed = Number(flags.seed);
const options: ContrastiveOptions = {
  steps: Number(flags.steps),
  batch: 128,
  length: 14,
  rate: 1e-3,
  warmup: 150,
  weightDecay: 0.1,
  clipNorm: 1,
  average: 0.998,
  saveEvery: 200,
};
/** The only parameter whose rows are those of used tokens. */
const table = 'token_embedding.weight';
/** Steps between looks at the held-out design. */
const evaluateEvery = 300;

const stop = new AbortController();
process.once('SIGINT', () => stop.abort(new Error(`stopped; go on with --resume --out ${flags.out}`)));
const { stdout, stderr, env } = process;
const terminal = terminalFor(
  { process: { stdout, stderr, env }, stopSignal: () => stop.signal },
  { json: false, quiet: false },
);
const threads = availableParallelism();
const run = flags.resume
  ? await openRun(flags.out)
  : await createRun(flags.out, { command: 'train-emoji', options: { ...options, seed }, device: 'cpu', threads });
const engine = await openEngine({ device: 'cpu', threads });
try {
  const classes = await emojiClasses();
  const drawings = await readDrawings(classes);
  const tokenizer = await openClipTokenizer(config.text.context);
  const used = usedTokens(possibleWords(drawings, [...classTemplates, 'a photo of a {}.']), tokenizer);
  const stream = emojiStream(drawings, options.batch, seed);
  const initial = initialParameters(config, randomFor(seed, 'initial'));
  const start = { ...initial, [table]: pickRows(initial[table]!, used) };
  const recorder = recorderFor(run, stop.signal);
  const shown: Recorder = {
    ...recorder,
    record(event) {
      recorder.record(event);
      terminal.progress(event);
      if (event.top1 !== undefined) terminal.note(progressLine(event, [], undefined, 0));
    },
  };
  const trained = await trainContrastive(
    engine,
    {
      ...options,
      config,
      start,
      proxies: randomDirections(classes.length, config.embedding),
      pairs: (step) => {
        const { pictures, captions, groups } = stream(step);
        return { pictures, ...encodeCaptions(captions, tokenizer, used, options.length), groups };
      },
      measure: async (step, parameters) =>
        step % evaluateEvery === 0 || step === options.steps ? evaluate(engine, await parameters(), used) : undefined,
    },
    shown,
  );
  await write(trained, used);
  const accuracy = await evaluate(engine, trained, used);
  await run.finish({
    ...accuracy,
    steps: options.steps,
    seed,
    seconds: Math.round(run.seconds()),
  });
  await redrawReport(run.directory);
  await copyRecord(run.directory, flags.model);
  terminal.settle();
  console.log(JSON.stringify(accuracy));
} finally {
  await engine.close();
  await run.close();
}

function randomDirections(count: number, length: number): Tensor<'float32'> {
  const random = randomFor(seed, 'proxies');
  return float32(
    Float32Array.from({ length: count * length }, () => random.normal()),
    [count, length],
  );
}

async function write(parameters: Tensors, used: UsedTokens): Promise<void> {
  const whole = {
    ...parameters,
    [table]: spreadRows(parameters[table] as Tensor<'float32'>, used, config.text.vocabulary),
  };
  await writeOpenClip(flags.model, config, whole as Record<string, Tensor<'float32'>>, 'float16');
}

/** Accuracy on the held-out design, of the model as it would be shipped: rounded, written, read. */
async function evaluate(engine: Engine, parameters: Tensors, used: UsedTokens): Promise<Record<string, number>> {
  await write(parameters, used);
  const clip = await openClip(flags.model);
  const set = await emojiSet('test', 'emoji', { views: 1 });
  const embeddings = await encodePictures(engine, clip, set);
  const head = await zeroShotHead(engine, clip, set.classes, classTemplates);
  const things = await emojiSet('test', await thingNames(), { views: 1 });
  const thingEmbeddings = await encodePictures(engine, clip, things);
  const thingHead = await zeroShotHead(engine, clip, things.classes, classTemplates);
  return {
    top1: topAccuracy(head, embeddings, set.labels, 1),
    top5: topAccuracy(head, embeddings, set.labels, 5),
    things: topAccuracy(thingHead, thingEmbeddings, things.labels, 1),
  };
}
