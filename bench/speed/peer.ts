/** @file A PyTorch process that answers requests: the other side of every comparison. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Turn } from './measure.ts';

export interface Peer {
  readonly versions: Readonly<Record<string, string>>;
  /** @throws Error with the peer's own message if it cannot do what is asked. */
  ask(request: Readonly<Record<string, unknown>>): Promise<Answer>;
  close(): Promise<void>;
}

const answerShape = z.object({
  error: z.string().optional(),
  versions: z.record(z.string(), z.string()).optional(),
  milliseconds: z.number().optional(),
  loss: z.number().optional(),
});
export type Answer = z.infer<typeof answerShape>;

const program = fileURLToPath(new URL('peer/peer.py', import.meta.url));

/** Starts Python and lets it load a model; tells why where Python, PyTorch or open_clip is missing. */
export async function startPeer(
  python: string,
  threads: number,
  folder: string,
): Promise<Peer | { readonly absent: string }> {
  const child = spawn(python, [program, folder, String(threads)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, OMP_NUM_THREADS: String(threads), PYTHONDONTWRITEBYTECODE: '1' },
  });
  let complaints = '';
  child.stderr.on('data', (chunk) => {
    complaints = (complaints + chunk).slice(-4000);
  });
  let ended = '';
  const end = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      ended = error.message;
      resolve();
    });
    child.once('close', (code, signal) => {
      ended ||= complaints.trim().split('\n').at(-1) || `ended with ${signal ?? code}`;
      resolve();
    });
  });
  // Writing to a process that has ended is told by `end`.
  child.stdin.on('error', () => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();

  async function answer(): Promise<Answer> {
    const { value, done } = await lines.next();
    if (done) {
      await end;
      throw new Error(ended);
    }
    return answerShape.parse(JSON.parse(value));
  }

  try {
    const { versions = {} } = await answer();
    return {
      versions,
      async ask(request) {
        child.stdin.write(`${JSON.stringify(request)}\n`);
        const reply = await answer();
        if (reply.error !== undefined) throw new Error(`the peer cannot ${request.do} ${request.name}: ${reply.error}`);
        return reply;
      },
      async close() {
        child.stdin.end();
        await end;
      },
    };
  } catch (error) {
    child.kill();
    return { absent: `no PyTorch peer (${python}: ${(error as Error).message})` };
  }
}

/** A turn of what the peer was asked to prepare under `name`; it takes the time itself. */
export function peerTurn(peer: Peer, name: string): Turn {
  return async () => (await peer.ask({ do: 'run', name })).milliseconds ?? Number.NaN;
}
