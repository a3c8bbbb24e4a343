/** @file A process that lists a folder and streams its pictures through threads, and tells what that took. */
import { pictureBatches } from '../../src/clip/pictures/picture-batches.ts';
import { openPictureSet } from '../../src/data/open.ts';
import { peakBytes } from '../../src/sweep/peak-memory.ts';

/** Of a streaming; times in seconds. */
export interface Streamed {
  readonly pictures: number;
  /** Largest resident memory of the whole process; null where the system does not tell. */
  readonly peak: number | null;
  readonly opened: number;
  readonly streamed: number;
}

async function stream(folder: string, resolution: number): Promise<Streamed> {
  const started = performance.now();
  const set = await openPictureSet(folder, {
    config: {
      image: { resolution },
      preprocessing: { resize: 'shortest', interpolation: 'bicubic', centre: 'torchvision' },
    },
  });
  const opened = performance.now();
  let pictures = 0;
  for await (const batch of pictureBatches(set, [...set.labels.keys()], 64, { threads: 2 })) {
    pictures += batch.pictures.shape[0]!;
  }
  const seconds = (from: number, to: number) => (to - from) / 1000;
  return {
    pictures,
    peak: await peakBytes(),
    opened: seconds(started, opened),
    streamed: seconds(opened, performance.now()),
  };
}

const [folder, resolution] = process.argv.slice(2);
if (folder !== undefined) process.stdout.write(JSON.stringify(await stream(folder, Number(resolution))));
