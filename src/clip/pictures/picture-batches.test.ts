/** @file Promises of reading ahead: order, how far ahead, how it ends, and that threads make no difference but time. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import sharp from 'sharp';
import { beforeAll, expect, test, vi } from 'vitest';
import { picturesOfFiles, unlabelled } from '../../data/listings/image-files.ts';
import { AntidoteError } from '../../errors.ts';
import { isFileProblem } from '../../tensor/files/file-problem.ts';
import { temporaryFolder } from '../../tensor/files/temporary-folder.test-support.ts';
import { decodeImage } from './decode.ts';
import { openDecoders } from './decode-threads.ts';
import { batchesAhead, pictureBatches, withDecoders } from './picture-batches.ts';
import type { PictureSet } from './pictures.ts';
import { type PreprocessConfig, preprocess } from './preprocess.ts';

const config: PreprocessConfig = {
  image: { resolution: 16 },
  preprocessing: { resize: 'shortest', interpolation: 'bicubic', centre: 'torchvision' },
};

const folder = temporaryFolder();
/** Pictures of different sizes, so that some take longer than those behind them. */
let paths: string[];
beforeAll(async () => {
  paths = await Promise.all(
    Array.from({ length: 40 }, async (_, i) => {
      const path = join(folder(), `${i}.png`);
      const side = i % 5 === 0 ? 400 : 20;
      const background = { r: 6 * i, g: 255 - 6 * i, b: 100 };
      await sharp({ create: { width: side, height: side + i, channels: 3, background } })
        .png()
        .toFile(path);
      return path;
    }),
  );
});

const everything = (set: PictureSet) => [...set.labels.keys()];
const fileSet = (files: readonly string[]) => picturesOfFiles(unlabelled(files), config);

async function collect(batches: AsyncIterable<{ positions: readonly number[]; pictures: { data: Uint8Array } }>) {
  const positions: number[] = [];
  const pieces: Uint8Array[] = [];
  for await (const batch of batches) {
    positions.push(...batch.positions);
    pieces.push(batch.pictures.data);
  }
  return { positions, data: Buffer.concat(pieces) };
}

/** A set without files that notes which pictures it was asked for; the red level is the position. */
function noting(count: number) {
  const asked: number[] = [];
  const set: PictureSet = {
    name: 'noting',
    classes: [],
    labels: new Int32Array(count),
    size: 1,
    hash: '',
    async read(positions) {
      asked.push(...positions);
      const data = Uint8Array.from(positions.flatMap((position) => [position, 0, 0]));
      return { dtype: 'uint8', shape: [positions.length, 3, 1, 1], data };
    },
  };
  return { set, asked };
}

test.each([0, 1, 3])('%i threads give the pictures of `preprocess`, in the requested order', async (threads) => {
  const set = await fileSet(paths);
  const order = everything(set).reverse();
  const { positions, data } = await collect(pictureBatches(set, order, 7, { threads }));
  const expected = await Promise.all(order.map(async (i) => preprocess(await decodeImage(paths[i]!), config)));
  expect(positions).toEqual(order);
  expect(data.equals(Buffer.concat(expected))).toBe(true);
});

test('batches have the requested size, the last one is shorter, and each is transformed as soon as it is read', async () => {
  const { set } = noting(10);
  const shapes: (readonly number[])[] = [];
  const transform = (pictures: Awaited<ReturnType<PictureSet['read']>>, positions: readonly number[]) => ({
    ...pictures,
    data: pictures.data.map((value, i) => (i % 3 === 1 ? positions[Math.floor(i / 3)]! : value)),
  });
  for await (const { positions, pictures } of pictureBatches(set, everything(set), 4, { transform })) {
    shapes.push(pictures.shape);
    expect([...pictures.data]).toEqual(positions.flatMap((position) => [position, position, 0]));
  }
  expect(shapes.map(([count]) => count)).toEqual([4, 4, 2]);
  expect(await collect(pictureBatches(set, [], 4))).toMatchObject({ positions: [] });
});

test('only a few batches are read ahead of a slow consumer', async () => {
  const { set, asked } = noting(100);
  let taken = 0;
  for await (const { positions } of pictureBatches(set, everything(set), 5)) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    taken += positions.length;
    expect(asked.length).toBeLessThanOrEqual(taken + 5 * batchesAhead);
    // And the next ones are read before they are asked for, however busy the machine is.
    await vi.waitFor(() => expect(asked.length).toBe(Math.min(100, taken + 5 * batchesAhead)), 10_000);
  }
  expect(taken).toBe(100);
});

test('a consumer that returns early ends the reading', async () => {
  const { set, asked } = noting(100);
  for await (const _ of pictureBatches(set, everything(set), 5)) break;
  const before = asked.length;
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(asked.length).toBe(before);
  expect(before).toBeLessThanOrEqual(5 * (1 + batchesAhead));
});

test('an abort takes effect between batches, and its reason is thrown', async () => {
  const set = await fileSet(paths);
  const controller = new AbortController();
  const reason = new Error('enough');
  let batches = 0;
  const stopped = (async () => {
    for await (const _ of pictureBatches(set, everything(set), 4, { threads: 2, signal: controller.signal }))
      if (++batches === 2) controller.abort(reason);
  })();
  await expect(stopped).rejects.toBe(reason);
  expect(batches).toBe(2);
});

test.each([0, 2])(
  'with %i threads a broken file is named after the batches before it were yielded',
  async (threads) => {
    const broken = join(folder(), 'broken.png');
    await writeFile(broken, 'GIF89 or so');
    const set = await fileSet([...paths.slice(0, 12), broken, ...paths.slice(12)]);
    let taken = 0;
    const failure = (async () => {
      for await (const { positions } of pictureBatches(set, everything(set), 5, { threads })) taken += positions.length;
    })();
    const error = await failure.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AntidoteError);
    expect(error).toMatchObject({
      fault: 'data',
      where: broken,
      found: expect.stringMatching('a damaged gif picture'),
    });
    expect(taken).toBe(10);
  },
);

test('threads refuse hostile pictures with the same errors as this thread', async () => {
  const hostile = join(folder(), 'hostile');
  await mkdir(hostile);
  const files = {
    'wide.png': await sharp({ create: { width: 20_000, height: 2, channels: 3, background: 'red' } })
      .png()
      .toBuffer(),
    'bomb.png': await sharp({ create: { width: 16_000, height: 6_000, channels: 3, background: 'red' } })
      .png({ compressionLevel: 9 })
      .toBuffer(),
    'cut.png': (await sharp(paths[0]).png().toBuffer()).subarray(0, 100),
    'drawn.svg': Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>'),
    'nothing.jpg': Buffer.alloc(0),
  };
  const decoders = openDecoders(2);
  for (const [name, bytes] of Object.entries(files)) {
    const path = join(hostile, name);
    await writeFile(path, bytes);
    const here = await decodeImage(path).catch((thrown: unknown) => thrown as AntidoteError);
    const there = await decoders.decode(path, config).catch((thrown: unknown) => thrown as AntidoteError);
    expect(here).toBeInstanceOf(AntidoteError);
    expect(there).toBeInstanceOf(AntidoteError);
    const { message, fault, advice } = here as AntidoteError;
    expect(there).toMatchObject({ message, fault });
    expect((there as AntidoteError).advice).toBe(advice);
    expect(isFileProblem(there)).toBe(false);
  }
  // A refused file is no trouble for the next one.
  const missing = join(hostile, 'gone.png');
  const absent = await decoders.decode(missing, config).catch((thrown: unknown) => thrown);
  expect(absent).toMatchObject({ message: expect.stringContaining(`${missing}: found no such file or folder`) });
  expect(isFileProblem(absent)).toBe(true);
  expect(await decoders.decode(paths[0]!, config)).toHaveLength(3 * 16 * 16);
  await decoders.close();
});

test('closing drops files that have not begun, finishes the others, and accepts no more', async () => {
  const decoders = openDecoders(1);
  const all = paths.map((path) => decoders.decode(path, config));
  const closing = decoders.close();
  const ended = await Promise.allSettled(all);
  await closing;
  const finished = ended.filter(({ status }) => status === 'fulfilled').length;
  expect(finished).toBeGreaterThan(0);
  expect(finished).toBeLessThan(5);
  await expect(decoders.decode(paths[0]!, config)).rejects.toThrow(/after close/);
  await decoders.close();
});

test('the death of a thread ends the reading with an error that names one of its files', async () => {
  const threads: Worker[] = [];
  const note = (worker: Worker) => threads.push(worker);
  process.on('worker', note);
  const decoders = openDecoders(1);
  const asked = paths.map((path) => decoders.decode(path, config));
  await new Promise((resolve) => setImmediate(resolve)); // Node tells of a new thread a moment later.
  process.off('worker', note);
  await threads[0]!.terminate();
  for (const ended of await Promise.allSettled(asked)) {
    expect(ended).toMatchObject({ status: 'rejected', reason: { fault: 'internal', where: paths[0] } });
  }
  await expect(decoders.decode(paths[1]!, config)).rejects.toThrow('the thread reading it has ended');
  await decoders.close();
});

test('nothing is left running after a reading that ended, failed or was abandoned', async () => {
  const threads: Worker[] = [];
  const note = (worker: Worker) => threads.push(worker);
  process.on('worker', note);
  const set = await fileSet(paths);
  await collect(pictureBatches(set, everything(set), 8, { threads: 2 }));
  for await (const _ of pictureBatches(set, everything(set), 8, { threads: 2 })) break;
  const failing: PictureSet = {
    ...set,
    read: async (positions, decoders) => {
      await set.read(positions, decoders);
      throw new Error('spoilt');
    },
  };
  await expect(collect(pictureBatches(failing, everything(set), 8, { threads: 2 }))).rejects.toThrow('spoilt');
  process.off('worker', note);
  expect(threads).toHaveLength(6);
  // Node's number of a thread that has ended.
  expect(threads.map(({ threadId }) => threadId)).toEqual(threads.map(() => -1));
});

test('a subset passes the decoders on to its set, and they are closed when the work ends', async () => {
  const set = await fileSet(paths);
  let seen: unknown;
  const watching: PictureSet = {
    ...set,
    read: (positions, decoders) => {
      seen = decoders;
      return set.read(positions, decoders);
    },
  };
  const few = await withDecoders(watching, 10, ({ read }) => read([3, 1]));
  expect(seen).toBeUndefined();
  const many = await withDecoders(watching, 10_000, ({ read }) => read([3, 1]));
  expect(seen).toBeDefined();
  expect(many.data).toEqual(few.data);
  await expect((seen as ReturnType<typeof openDecoders>).decode(paths[0]!, config)).rejects.toThrow(/after close/);
});
