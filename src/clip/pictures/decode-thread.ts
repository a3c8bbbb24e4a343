/** @file The program of a decoding thread: picture files in, pictures of the model's size out. */
import { parentPort } from 'node:worker_threads';
import { AntidoteError } from '../../errors.ts';
import { isFileProblem } from '../../tensor/files/file-problem.ts';
import { decodeImage } from './decode.ts';
import type { DecodeReply, DecodeRequest } from './decode-threads.ts';
import { preprocess } from './preprocess.ts';

let inWork = 0;
let ending = false;

parentPort?.on('message', async (request: DecodeRequest) => {
  if (request === null) ending = true;
  else await work(request);
  // The open port is what keeps the thread alive.
  if (ending && inWork === 0) parentPort?.close();
});

async function work({ id, path, config }: NonNullable<DecodeRequest>): Promise<void> {
  inWork++;
  try {
    const picture = preprocess(await decodeImage(path), config);
    answer({ id, picture }, [picture.buffer]);
  } catch (error) {
    answer({ id, ...partsOf(error) });
  }
  inWork--;
}

function answer(reply: DecodeReply, transfer: readonly ArrayBuffer[] = []): void {
  parentPort?.postMessage(reply, transfer);
}

/** An error's class is lost between threads, so its parts are sent. */
function partsOf(error: unknown): Omit<DecodeReply, 'id'> {
  if (!(error instanceof AntidoteError)) return { failed: error instanceof Error ? error.message : String(error) };
  const { fault, where, found, expected, advice, cause } = error;
  const refused = { fault, where, found, expected, ...(advice !== undefined && { advice }) };
  if (!isFileProblem(error)) return { refused };
  const { code, syscall } = cause as NodeJS.ErrnoException;
  return { refused, system: { code, syscall } };
}
