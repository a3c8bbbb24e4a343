/** @file Servers of a queue that are not there, want a password, go away or fall silent: it is told, and nobody waits for ever. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CellNews } from '../src/sweep/runners/cell-runners.ts';
import { connect, queueRunners } from '../src/sweep/runners/queue.ts';
import { openCellStore } from '../src/sweep/store.ts';
import { sweep } from '../src/sweep/sweep.ts';
import { temporaryFolder } from '../src/tensor/files/temporary-folder.test-support.ts';
import { freePort, hasServer, killed, startServer } from './redis-server.ts';
import { tinyCell } from './sweep/tiny-cell.ts';

const never = new AbortController().signal;
const program = fileURLToPath(new URL('sweep/tiny-worker.ts', import.meta.url));
const name = 'antidote-test';
const folder = temporaryFolder();

describe.skipIf(!hasServer)(
  'on servers of their own (skipped where there is none: apt-get install redis-server)',
  () => {
    test('a server that wants a password is told from one that is not there, with where to put it', async () => {
      const own = await startServer(folder(), '--requirepass', 'secret');
      const wrong = [{}, { password: 'guessed' }];
      for (const more of wrong) {
        await expect(connect({ url: own.url, name, ...more }, never)).rejects.toMatchObject({
          found: expect.stringMatching(/that requires its password \((NOAUTH|WRONGPASS)/),
          advice: 'put it into the environment variable ANTIDOTE_REDIS_PASSWORD',
        });
      }
      (await connect({ url: own.url, name, password: 'secret' }, never)).disconnect();
      await killed(own.redis);
    }, 60_000);

    test('a bench whose server falls silent while it puts its cells in stops all the same when it is asked to', async () => {
      const own = await startServer(folder());
      const stop = new AbortController();
      const cells = Array.from({ length: 5000 }, (_, i) => tinyCell(`many-${i}`));
      const runners = queueRunners({ url: own.url, name }, () => {});
      const bench = runners.run(cells, () => {}, stop.signal);
      bench.catch(() => {});
      const client = await connect({ url: own.url, name }, never);
      while (!/cmd=(h|xread|evalsha|exists)/.test((await client.client('LIST')) as string));
      client.disconnect();
      own.redis.kill('SIGSTOP');
      stop.abort(new Error('enough'));
      const begun = performance.now();
      await expect(bench).rejects.toThrow('enough');
      expect(performance.now() - begun).toBeLessThan(10_000);
      await killed(own.redis);
    }, 30_000);

    test('a bench whose server goes away while it looks after its cells stops all the same when it is asked to', async () => {
      const own = await startServer(folder());
      const stop = new AbortController();
      const cells = Array.from({ length: 500 }, (_, i) => tinyCell(`many-${i}`));
      const quiet = { kept: () => {}, news: () => {} };
      const bench = sweep(
        cells,
        openCellStore(await mkdtemp(join(folder(), 'store-'))),
        queueRunners({ url: own.url, name }, () => {}),
        quiet,
        stop.signal,
      );
      bench.catch(() => {});
      const client = await connect({ url: own.url, name }, stop.signal);
      while ((await client.exists(`bull:${name}:${cells.at(-1)!.key}`)) === 0);
      await killed(own.redis);
      await setTimeout(1000); // It has tried to connect again.
      stop.abort(new Error('enough'));
      await expect(bench).rejects.toThrow('enough');
    }, 30_000);

    // Side by side: what they do is wait.
    test.concurrent.each([
      ['has gone away', killed],
      [
        'went silent before it went away',
        async (own: ChildProcess) => {
          own.kill('SIGSTOP');
          await setTimeout(3000); // All that they ask now and then is on its way.
          await killed(own);
          await setTimeout(1000); // They have tried to connect again.
        },
      ],
      ['has fallen silent and stays so', async (own: ChildProcess) => void own.kill('SIGSTOP')],
      [
        'has fallen silent long ago',
        async (own: ChildProcess) => {
          own.kill('SIGSTOP');
          await setTimeout(3000); // All that they ask now and then is on its way.
        },
      ],
    ])(
      'a bench and a worker whose server %s stop all the same when they are asked to',
      async (_, goesAway) => {
        const own = await startServer(folder());
        const store = await mkdtemp(join(folder(), 'store-'));
        const worker = spawn(process.execPath, ['--import', 'tsx', program, own.url, name, store], {
          stdio: ['ignore', 'ignore', 'inherit'],
        });
        try {
          const stop = new AbortController();
          const runners = queueRunners({ url: own.url, name }, () => {}, 500);
          const cells = [tinyCell('long', { wait: 60_000 }), tinyCell('waiting')];
          let bench: Promise<unknown> | undefined;
          await new Promise<void>((begun) => {
            const seen = ({ kind }: CellNews) => kind === 'progress' && begun();
            bench = sweep(cells, openCellStore(store), runners, { kept: () => {}, news: seen }, stop.signal);
            bench.catch(() => {});
          });
          await goesAway(own.redis);
          const left = once(worker, 'exit');
          worker.kill('SIGTERM');
          stop.abort(new Error('enough'));
          expect((await left)[0]).toBe(0);
          await expect(bench).rejects.toThrow('enough');
        } finally {
          worker.kill('SIGKILL');
          if (own.redis.signalCode === null) await killed(own.redis);
        }
      },
      60_000,
    );
  },
);

test('where no server answers, the error names the address and what to start', async () => {
  const port = await freePort();
  const nowhere = { url: `redis://127.0.0.1:${port}`, name: 'nowhere' };
  await expect(connect(nowhere, never)).rejects.toMatchObject({
    fault: 'usage',
    where: '--redis',
    found: expect.stringContaining(`no server at redis://127.0.0.1:${port}`),
  });
});

describe('where something takes the connection and says nothing', () => {
  let silent: Server;
  let place: { url: string; name: string };
  beforeEach(async () => {
    silent = createServer(() => {}).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    place = { url: `redis://127.0.0.1:${(silent.address() as AddressInfo).port}`, name: 'silent' };
  });
  afterEach(() => silent.close());

  test('the error says that it does not answer', async () => {
    await expect(connect(place, never)).rejects.toMatchObject({
      fault: 'usage',
      found: `no server at ${place.url} (it does not answer)`,
    });
  }, 15_000);

  test('whoever wants to leave does not wait that long', async () => {
    const stop = new AbortController();
    const connecting = connect(place, stop.signal);
    connecting.catch(() => {});
    await once(silent, 'connection');
    stop.abort(new Error('enough'));
    await expect(connecting).rejects.toThrow('enough');
  }, 15_000);
});
