/** @file `antidote worker`: computes cells of a bench, from a queue or for the bench that has started it. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildCommand } from '@stricli/core';
import { badUsage } from '../../errors.ts';
import type { RunEvent } from '../../runs/recorder.ts';
import { type Cell, type Outcome, reportOfCell } from '../../sweep/cell.ts';
import type { Computed } from '../../sweep/compute-cell.ts';
import type { CellServer } from '../../sweep/runners/serve-cells.ts';
import { blameDisk } from '../../sweep/runners/worker-failures.ts';
import { explainingFile } from '../../tensor/files/file-problem.ts';
import { named } from '../board.ts';
import { type CliContext, terminalFor } from '../context.ts';
import { type EngineFlags, engineFlags, type OutputFlags, outputFlags, textFlag } from '../flags.ts';
import { queuePassword, redisFlag } from '../redis-flag.ts';

interface Flags extends EngineFlags, Pick<OutputFlags, 'quiet'> {
  readonly redis?: string;
  readonly store?: string;
}

export const worker = buildCommand<Flags, [], CliContext>({
  docs: {
    brief: 'Compute cells of a bench that lie in a queue',
    fullDescription: [
      'Takes cells until Ctrl-C; the cell in work then goes back into the queue. A worker that dies loses its cell to',
      'another one. Models, pictures, device and version must be those of the bench: a worker that has others, or no room on',
      'its disk, says so and ends.',
      '',
      'With --store, a folder that all workers share, finished cells and embeddings are computed once for all.',
    ].join('\n'),
    // Only a bench starts workers without --redis; a user has to give it.
    customUsage: ['--redis url [--store dir]'],
  },
  parameters: {
    flags: {
      redis: {
        ...redisFlag,
        brief: 'The queue, which has to be given: redis://host:port; its password in ANTIDOTE_REDIS_PASSWORD',
      },
      store: textFlag('dir', 'A folder for finished cells and embeddings (default: one that is removed at the end)'),
      ...engineFlags,
      quiet: outputFlags.quiet,
    },
  },
  async func(flags) {
    const { redis, store } = flags;
    if (redis === undefined) {
      if (!process.send || store === undefined) {
        throw badUsage('--redis', 'nothing', 'the address of a queue, such as redis://localhost:6379');
      }
      const { serveParent } = await import('../../sweep/runners/serve-cells.ts');
      return serveParent(() => openCellServer(flags, store));
    }
    const { codeHash } = await import('../../sweep/code-hash.ts');
    const { queueName } = await import('../../sweep/runners/queue.ts');
    const { serveQueue } = await import('../../sweep/runners/queue-worker.ts');
    const terminal = terminalFor(this, { json: false, quiet: flags.quiet });
    const signal = this.stopSignal();
    const folder = store ?? (await temporaryFolder());
    let server: CellServer | undefined;
    try {
      server = await openCellServer(flags, folder);
      const name = queueName(await codeHash());
      terminal.note(`waiting for cells of queue ${name} at ${redis}`);
      const news = {
        started: ({ task }: Cell) => terminal.note(named(task)),
        progress: terminal.progress,
        finished(_: Cell, outcome: Outcome) {
          terminal.settle();
          terminal.note(outcome.kind === 'measured' ? `  done in ${outcome.seconds} s` : `  FAILED: ${outcome.error}`);
        },
      };
      await serveQueue({ url: redis, name, password: queuePassword() }, server.runCell, news, signal);
    } finally {
      terminal.settle();
      await server?.close();
      if (store === undefined) await rm(folder, { recursive: true, force: true });
    }
  },
});

async function temporaryFolder(): Promise<string> {
  return explainingFile(tmpdir(), () => mkdtemp(join(tmpdir(), 'antidote-worker-')));
}

async function openCellServer({ device, threads }: EngineFlags, directory: string): Promise<CellServer> {
  const { openEngine } = await import('../../engine/ort-engine.ts');
  const { cellFunction } = await import('../../sweep/compute-cell.ts');
  const { defenses } = await import('../../defenses/defenses.ts');
  const { openFeatureCache } = await import('../../runs/feature-cache.ts');
  const { codeHash } = await import('../../sweep/code-hash.ts');
  const { gatherMaterials } = await import('../../sweep/materials.ts');
  const { storedIn } = await import('../../sweep/run-cell.ts');
  const { openCellStore } = await import('../../sweep/store.ts');
  const engine = await openEngine({ device, threads });
  const materials = await gatherMaterials(device, defenses).catch(async (error) => {
    await engine.close();
    throw error;
  });
  // A disk too full for embeddings is too full for cells as well.
  const basis = { code: await codeHash(), device };
  const features = openFeatureCache(join(directory, 'features'), basis, blameDisk);
  const context = { engine, materials, features, defenses };
  const compute = cellFunction(context, (cell, computed, events) => drawReport(directory, cell, computed, events));
  return { runCell: storedIn(openCellStore(directory), compute), close: () => engine.close() };
}

async function drawReport(
  directory: string,
  cell: Cell,
  computed: Computed,
  events: readonly RunEvent[],
): Promise<void> {
  if (!cell.task.report) return;
  const { drawCellReport } = await import('../../report/matrix/cell-report.ts');
  const { writeFileAtomically } = await import('../../tensor/files/atomic-file.ts');
  const page = await drawCellReport(cell, computed, events);
  if (page === undefined) return;
  const path = join(directory, reportOfCell(cell.key));
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFileAtomically(path, page);
  } catch (error) {
    blameDisk(error);
  }
}
