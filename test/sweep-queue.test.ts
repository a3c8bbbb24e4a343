/** @file A bench through a queue: a real Redis, real workers, one of which is killed in the middle of a cell. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Cell, Outcome } from '../src/sweep/cell.ts';
import { storedIn } from '../src/sweep/run-cell.ts';
import type { CellNews } from '../src/sweep/runners/cell-runners.ts';
import { connect, queueRunners } from '../src/sweep/runners/queue.ts';
import { serveQueue } from '../src/sweep/runners/queue-worker.ts';
import { openCellStore } from '../src/sweep/store.ts';
import { sweep } from '../src/sweep/sweep.ts';
import { hasServer, startServer } from './redis-server.ts';
import { tinyCell, tinyCompute, tinyOutcome } from './sweep/tiny-cell.ts';

const never = new AbortController().signal;
const program = fileURLToPath(new URL('sweep/tiny-worker.ts', import.meta.url));

describe.skipIf(!hasServer)('on a real server (skipped where there is none: apt-get install redis-server)', () => {
  let directory: string;
  let redis: ChildProcess;
  let url: string;
  let queues = 0;
  const workers: ChildProcess[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'antidote-redis-'));
    ({ redis, url } = await startServer(directory));
  });
  afterAll(async () => {
    redis.kill('SIGKILL');
    await once(redis, 'exit');
    await rm(directory, { recursive: true, force: true });
  });

  let store: string;
  let name: string;
  beforeEach(async () => {
    store = await mkdtemp(join(directory, 'store-'));
    name = `antidote-test-${++queues}`;
  });
  afterEach(async () => {
    for (const worker of workers.splice(0)) {
      if (worker.exitCode === null && worker.signalCode === null) {
        worker.kill('SIGKILL');
        await once(worker, 'exit');
      }
    }
  });

  /** `said` is told every line. */
  function startWorker(folder: string, said: (line: string, worker: ChildProcess) => void = () => {}): ChildProcess {
    const worker = spawn(process.execPath, ['--import', 'tsx', program, url, name, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    workers.push(worker);
    worker.stdout!.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.trim().split('\n')) said(line, worker);
    });
    return worker;
  }

  async function swept(
    cells: readonly Cell[],
    seen: (news: CellNews) => void = () => {},
    signal = never,
    lookEvery = 500,
  ): Promise<ReadonlyMap<string, Outcome>> {
    const own = await mkdtemp(join(directory, 'bench-'));
    const runners = queueRunners({ url, name }, () => {}, lookEvery);
    return sweep(cells, openCellStore(own), runners, { kept: () => {}, news: seen }, signal);
  }

  const finishedOf = (news: readonly CellNews[]) => news.filter(({ kind }) => kind === 'finished');

  test('three workers, one of them killed with SIGKILL in mid-cell: every cell is counted once, none is lost', async () => {
    const cells = Array.from({ length: 12 }, (_, i) => tinyCell(`cell-${i}`, { wait: 500 }));
    let killed: string | undefined;
    startWorker(store);
    startWorker(store);
    startWorker(store, (line, worker) => {
      if (killed !== undefined || !line.startsWith('started')) return;
      killed = line.split(' ')[1]!;
      const watch = setInterval(() => {
        if (!readFileSync(join(store, 'log'), { encoding: 'utf8', flag: 'a+' }).includes(`begin ${killed}`)) return;
        clearInterval(watch);
        worker.kill('SIGKILL');
      }, 10);
    });
    const news: CellNews[] = [];
    const outcomes = await swept(cells, (one) => news.push(one));
    expect(killed).toBeDefined();
    for (const { key, task } of cells) expect(outcomes.get(key)).toEqual(tinyOutcome(task));
    expect(finishedOf(news)).toHaveLength(12);
    expect(news).toContainEqual({ kind: 'lost', key: killed, why: 'its worker is gone' });
    const log = (await readFile(join(store, 'log'), 'utf8')).trim().split('\n');
    expect(log.filter((line) => line.startsWith('end'))).toHaveLength(12);
    expect(log.filter((line) => line === `begin ${killed}`)).toHaveLength(2);
  }, 300_000);

  test('a cell that kills its workers is red after three, the cell that fails is red at once', async () => {
    const cells = [tinyCell('deadly', { die: 9 }), tinyCell('bad', { fail: 'no such class' }), tinyCell('good')];
    for (let i = 0; i < 4; i++) startWorker(store);
    const outcomes = await swept(cells);
    expect(outcomes.get(cells[0]!.key)).toMatchObject({ kind: 'failed', error: /3 processes|stalled/ });
    expect(outcomes.get(cells[1]!.key)).toEqual({ kind: 'failed', error: 'no such class', fault: 'internal' });
    expect(outcomes.get(cells[2]!.key)).toEqual(tinyOutcome(cells[2]!.task));

    const log = (await readFile(join(store, 'log'), 'utf8')).trim().split('\n');
    expect(log.filter((line) => line === `begin ${cells[1]!.key}`)).toHaveLength(1);
  }, 300_000);

  test('a bench that comes back finds what was computed meanwhile, and tries again what failed', async () => {
    const cells = [tinyCell('a'), tinyCell('bad', { fail: 'at first' })];
    startWorker(store);
    await swept(cells);
    const news: CellNews[] = [];
    const outcomes = await swept(cells, (one) => news.push(one));
    expect(outcomes.get(cells[0]!.key)).toEqual(tinyOutcome(cells[0]!.task));
    const log = (await readFile(join(store, 'log'), 'utf8')).trim().split('\n');
    expect(log.filter((line) => line.startsWith(`begin ${cells[0]!.key}`))).toHaveLength(1);
    expect(log.filter((line) => line.startsWith(`begin ${cells[1]!.key}`))).toHaveLength(2);
  }, 300_000);

  test('a cell that ends while it is looked after is not taken for one without an outcome', async () => {
    const cells = Array.from({ length: 300 }, (_, i) => tinyCell(`brief-${i}`));
    startWorker(store);
    const outcomes = await swept(cells, () => {}, never, 1);
    for (const { key, task } of cells) expect(outcomes.get(key)).toEqual(tinyOutcome(task));
  }, 300_000);

  test('two benches with the same cells share them', async () => {
    const cells = Array.from({ length: 4 }, (_, i) => tinyCell(`shared-${i}`, { wait: 100 }));
    startWorker(store);
    const [one, other] = await Promise.all([swept(cells), swept(cells)]);
    expect([...one.keys()].sort()).toEqual([...other.keys()].sort());
    const log = (await readFile(join(store, 'log'), 'utf8')).trim().split('\n');
    expect(log.filter((line) => line.startsWith('begin'))).toHaveLength(4);
  }, 300_000);

  test('a bench that is stopped does not take the cells of another one with it', async () => {
    const cells = [tinyCell('wanted by both')];
    const stop = new AbortController();
    const stopped = swept(cells, () => {}, stop.signal);
    stopped.catch(() => {});
    const other = swept(cells);
    const client = await connect({ url, name }, never);
    await expect.poll(() => client.exists(`bull:${name}:${cells[0]!.key}`), { timeout: 60_000 }).toBe(1);
    client.disconnect();
    stop.abort(new Error('enough'));
    await expect(stopped).rejects.toThrow('enough');
    startWorker(store);
    expect((await other).get(cells[0]!.key)).toEqual(tinyOutcome(cells[0]!.task));
  }, 300_000);

  test('a worker that is asked to stop gives its cell back at once, and another one computes it', async () => {
    const cells = [tinyCell('long', { wait: 2000 })];
    let first = true;
    const news: CellNews[] = [];
    startWorker(store, (line, worker) => {
      if (!first || !line.startsWith('started')) return;
      first = false;
      worker.kill('SIGTERM');
      worker.once('exit', () => startWorker(store));
    });
    const outcomes = await swept(cells, (one) => news.push(one));
    expect(outcomes.get(cells[0]!.key)).toEqual(tinyOutcome(cells[0]!.task));
    const told = news.filter(({ kind }) => kind !== 'progress').map(({ kind }) => kind);
    expect(told).toEqual(['started', 'returned', 'started', 'finished']);
  }, 300_000);

  test('a worker without the materials of a cell says so and ends; the cell waits for another', async () => {
    const cells = [tinyCell('foreign', { foreign: true })];
    const stop = new AbortController();
    const worker = startWorker(store);
    const bench = swept(cells, () => {}, stop.signal);
    bench.catch(() => {});
    const [code] = await once(worker, 'exit');
    expect(code).not.toBe(0);
    stop.abort(new Error('enough'));
    await expect(bench).rejects.toThrow('enough');
  }, 300_000);

  test('a result that the server does not take just now is handed in again, and nothing is computed twice', async () => {
    const cells = [tinyCell('kept', { wait: 500 })];
    const client = await connect({ url, name }, never);
    const writable = (is: boolean) => client.config('SET', 'min-replicas-to-write', is ? 0 : 1);
    const news: CellNews[] = [];
    try {
      startWorker(store, (line) => {
        if (line.startsWith('started')) void writable(false);
        // It is done and has nobody to take it.
        if (line.startsWith('measured')) void setTimeout(1500).then(() => writable(true));
      });
      const outcomes = await swept(cells, (one) => news.push(one));
      expect(outcomes.get(cells[0]!.key)).toEqual(tinyOutcome(cells[0]!.task));
      expect(news.some(({ kind }) => kind === 'lost')).toBe(false);
      const log = (await readFile(join(store, 'log'), 'utf8')).trim().split('\n');
      expect(log).toHaveLength(2);
    } finally {
      await writable(true);
      client.disconnect();
    }
  }, 60_000);

  test('a worker that cannot write its store gives the cell back and ends; another one computes it', async () => {
    const sick = await mkdtemp(join(directory, 'sick-'));
    await writeFile(join(sick, 'cells'), 'a file where the folder should be');
    const cells = [tinyCell('a'), tinyCell('b')];
    const worker = startWorker(sick);
    const bench = swept(cells);
    bench.catch(() => {});
    const [code] = await once(worker, 'exit');
    expect(code).not.toBe(0);
    startWorker(store);
    const outcomes = await bench;
    for (const { key, task } of cells) expect(outcomes.get(key)).toEqual(tinyOutcome(task));
  }, 300_000);

  test('a worker whose engine has ended ends as well, and its cell is tried again', async () => {
    const cells = [tinyCell('heavy', { exhaust: 1 })];
    const worker = startWorker(store);
    const bench = swept(cells);
    bench.catch(() => {});
    const [code] = await once(worker, 'exit');
    expect(code).not.toBe(0);
    startWorker(store);
    expect((await bench).get(cells[0]!.key)).toEqual(tinyOutcome(cells[0]!.task));
  }, 300_000);

  test('a bench that cannot write down what it is told ends with the reason, and does not wait', async () => {
    const full = new Error('no room for the event log');
    const bench = swept([tinyCell('a'), tinyCell('b', { wait: 1000 })], () => {
      throw full;
    });
    bench.catch(() => {});
    startWorker(store);
    await expect(bench).rejects.toBe(full);
  }, 300_000);

  test('a bench that is stopped before it begins, and whose cells are done, is done', async () => {
    const cells = [tinyCell('a')];
    startWorker(store);
    await swept(cells);
    const news: CellNews[] = [];
    const runners = queueRunners({ url, name }, () => {}, 500);
    await runners.run(cells, (one) => news.push(one), AbortSignal.abort(new Error('enough')));
    expect(finishedOf(news)).toHaveLength(1);
  }, 300_000);

  test('a worker that has lost the connection on which it waits stops all the same when it is asked to', async () => {
    const stop = new AbortController();
    const nothing = { started: () => {}, progress: () => {}, finished: () => {} };
    const serving = serveQueue({ url, name }, storedIn(openCellStore(store), tinyCompute(store)), nothing, stop.signal);
    const client = await connect({ url, name }, never);
    try {
      const waiting = async () => /id=(\d+) .*cmd=bzpopmin/.exec((await client.client('LIST')) as string)?.[1];
      await expect.poll(waiting, { timeout: 10_000 }).toBeDefined();
      await client.client('KILL', 'ID', Number(await waiting()));
      await setTimeout(50); // It has noticed, and has not connected again.
      stop.abort();
      await serving;
      expect(await waiting()).toBeUndefined();
    } finally {
      client.disconnect();
    }
  }, 20_000);

  test('a stopped bench takes out of the queue what nobody has begun', async () => {
    const cells = Array.from({ length: 5 }, (_, i) => tinyCell(`waiting-${i}`));
    const stop = new AbortController();
    const bench = swept(cells, () => {}, stop.signal);
    bench.catch(() => {});
    const client = await connect({ url, name }, never);
    try {
      await expect.poll(() => client.exists(`bull:${name}:${cells[4]!.key}`), { timeout: 20_000 }).toBe(1);
      stop.abort(new Error('enough'));
      await expect(bench).rejects.toThrow('enough');
      for (const { key } of cells) expect(await client.exists(`bull:${name}:${key}`)).toBe(0);
    } finally {
      client.disconnect();
    }
  }, 60_000);
});
