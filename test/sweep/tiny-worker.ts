/** @file A worker of a queue that computes tiny cells and gives up silent ones fast: `tiny-worker.ts URL QUEUE DIR`. */
import { storedIn } from '../../src/sweep/run-cell.ts';
import { serveQueue } from '../../src/sweep/runners/queue-worker.ts';
import { openCellStore } from '../../src/sweep/store.ts';
import { tinyCompute } from './tiny-cell.ts';

const [url, name, directory] = process.argv.slice(2) as [string, string, string];
const stop = new AbortController();
process.on('SIGTERM', () => stop.abort(new Error('stopped')));
await serveQueue(
  { url, name },
  storedIn(openCellStore(directory), tinyCompute(directory)),
  {
    started: ({ key }) => process.stdout.write(`started ${key}\n`),
    progress: () => {},
    finished: ({ key }, { kind }) => process.stdout.write(`${kind} ${key}\n`),
  },
  stop.signal,
  { lock: 5000, look: 1000 },
);
