/**
 * @file A step of prompt tuning in little memory: the same result as of one graph, in chunks of classes.
 *
 * The losses need the embeddings of all classes at once, but the text tower does not. So a step embeds one chunk after
 * another and keeps only the embeddings; computes the losses and their gradient by the embeddings; embeds each chunk again
 * and propagates that gradient backwards; and updates the contexts. This takes a third more arithmetic, and the activations
 * of one chunk instead of all (gradient caching: Gao et al., arXiv 2101.06983).
 */
import type { Engine, Program, Tensors } from '../../../engine/engine.ts';
import { memoryOf } from '../../../graph/costs.ts';
import { mul } from '../../../graph/elementwise.ts';
import { gradients } from '../../../graph/gradients.ts';
import type { Graph } from '../../../graph/graph.ts';
import { broadcastTo } from '../../../graph/layout.ts';
import { input } from '../../../graph/leaves.ts';
import { sum } from '../../../graph/reduction.ts';
import { elements, float32, rowsAt, type Tensor } from '../../../tensor/tensor.ts';
import { adam } from '../../../training/adam.ts';
import { forAllClasses, groupsOf, promptEmbeddings, suffixesOf } from './frame.ts';
import { type TuningStep, tuningLosses } from './tuning-step.ts';

/** Classes that go through the tower together. A short last chunk is filled with its first class, without effect. */
interface Chunk {
  readonly rows: readonly number[];
  /** Number of rows that are not filling. */
  readonly own: number;
  readonly forward: Program;
  readonly backward: Program;
  /** Tokens after the contexts, and the positions of end marks. */
  readonly feeds: Tensors;
}

/**
 * The step as a program: feeds, outputs and state are those of `wholeStep`.
 *
 * @param mostMemory bytes that the activations of a chunk may take (`memoryOf`)
 */
export async function chunkedStep(engine: Engine, step: TuningStep, mostMemory: number): Promise<Program> {
  const { frame, clip, handWritten } = step;
  const [classes, { embedding }] = [handWritten.classes.length, clip.config];
  const context = [frame.contextLength, step.contexts[2]!];
  const compiled: Program[] = [];
  const releaseAll = async () => {
    for (const program of compiled) await program.release();
  };
  const compile = async (graph: Graph) => {
    try {
      const program = await engine.compile(graph);
      compiled.push(program);
      return program;
    } catch (error) {
      await releaseAll(); // No caller holds the programs compiled so far.
      throw error;
    }
  };

  const chunks: Chunk[] = [];
  for (const { rows, length } of groupsOf(frame)) {
    const most = Math.max(1, Math.floor(mostMemory / memoryOf(backwardGraph(step, 1, length))));
    // Chunks of one size share one program; chunks of even size need little filling.
    const size = Math.ceil(rows.length / Math.ceil(rows.length / most));
    const forward = await compile({ outputs: { embeddings: embeddingsOf(step, size, length).embeddings } });
    const backward = await compile(backwardGraph(step, size, length));
    for (let first = 0; first < rows.length; first += size) {
      const own = rows.slice(first, first + size);
      const filled = Array.from({ length: size }, (_, i) => own[i] ?? own[0]!);
      const feeds = suffixesOf(frame, filled, length);
      chunks.push({ rows: filled, own: own.length, forward, backward, feeds });
    }
  }
  const losses = await compile(lossGraph(step));
  const update = await compile(updateGraph(step));

  return {
    async run(feeds) {
      const adamFeeds = Object.fromEntries(Object.entries(feeds).filter(([name]) => name.startsWith('adam.')));
      const batch = Object.fromEntries(Object.entries(feeds).filter(([name]) => !name.startsWith('adam.')));
      const contexts = forAllClasses((await update.readState()).contexts as Tensor<'float32'>, classes);

      const embeddings = float32(new Float32Array(classes * embedding), [classes, embedding]);
      for (const chunk of chunks) {
        const own = rowsAt(contexts, chunk.rows);
        keepRows(embeddings, chunk, await chunk.forward.run({ ...chunk.feeds, contexts: own }), 'embeddings');
      }
      const { slope, ...told } = await losses.run({ ...batch, embeddings });
      const gradient = float32(new Float32Array(elements([classes, ...context])), [classes, ...context]);
      for (const chunk of chunks) {
        const chunkFeeds = {
          ...chunk.feeds,
          contexts: rowsAt(contexts, chunk.rows),
          slope: rowsAt(slope as Tensor<'float32'>, chunk.rows),
        };
        keepRows(gradient, chunk, await chunk.backward.run(chunkFeeds), 'gradient');
      }
      await update.run({ ...adamFeeds, gradient });
      return told;
    },
    writeState: (values) => update.writeState(values),
    readState: () => update.readState(),
    release: releaseAll,
  };
}

function embeddingsOf({ clip, frame, contexts: shape }: TuningStep, size: number, length: number) {
  const suffixes = input('suffixes', [size, length - frame.contextAt - frame.contextLength], 'int64');
  const contexts = input('contexts', [size, ...shape.slice(1)]);
  return { contexts, embeddings: promptEmbeddings(clip, frame, suffixes, input('ends', [size], 'int64'), contexts) };
}

/** From the losses' gradient by a chunk's embeddings, `slope`, to the gradient by its contexts. */
function backwardGraph(step: TuningStep, size: number, length: number): Graph {
  const { contexts, embeddings } = embeddingsOf(step, size, length);
  const along = sum(mul(embeddings, input('slope', embeddings.shape)));
  return { outputs: { gradient: gradients(along, [contexts])[0]! } };
}

/** Losses and their gradient by the class embeddings, `slope`. */
function lossGraph(step: TuningStep): Graph {
  const embeddings = input('embeddings', [step.handWritten.classes.length, step.handWritten.embedding]);
  const losses = tuningLosses(step, embeddings);
  return { outputs: { ...losses, slope: gradients(losses.loss, [embeddings])[0]! } };
}

/** Adam on the contexts, from the gradient by each class's context; a shared context gets the sum. */
function updateGraph({ contexts: shape, handWritten }: TuningStep): Graph {
  const contexts = input('contexts', shape);
  const perClass = [handWritten.classes.length, ...shape.slice(1)];
  const along = sum(mul(broadcastTo(contexts, perClass), input('gradient', perClass)));
  return { outputs: {}, state: adam(new Map([['contexts', contexts]]), gradients(along, [contexts])) };
}

/** Copies an output of a chunk's program into the rows of its classes in `into`. */
function keepRows(into: Tensor<'float32'>, { rows, own }: Chunk, outputs: Tensors, name: string): void {
  const { data, shape } = outputs[name] as Tensor<'float32'>;
  const size = elements(shape.slice(1));
  for (let i = 0; i < own; i++) into.data.set(data.subarray(i * size, (i + 1) * size), rows[i]! * size);
}
