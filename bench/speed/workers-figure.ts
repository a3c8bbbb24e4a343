/** @file How much faster a bench is with two processes than with one, a thread each. */
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Figure, fasterThan } from './figure.ts';

const project = fileURLToPath(new URL('../..', import.meta.url));

/** Cells of one kind, so that both processes have as much to do. */
const matrix = `
attacks: [badnet, badnet-fixed, blended, sig]
defenses: [coop]
seeds: [1, 2]
classes: [things]
`;

export const workersFigure: Figure = async (bench) => {
  const path = join(bench.scratch, 'workers.yaml');
  await writeFile(path, matrix);
  const taken = async (workers: number): Promise<number> => {
    bench.say(`a bench of 8 cells with ${workers} ${workers === 1 ? 'process' : 'processes'}`);
    const out = join(bench.scratch, `workers-${workers}`);
    const begun = performance.now();
    await run(['bench', path, '--workers', `${workers}`, '--threads', `${workers}`, '--out', out, '--quiet']);
    return (performance.now() - begun) / 1000;
  };
  const [one, two] = [await taken(1), await taken(2)];
  const what = 'a bench of 8 cells, two processes of one thread';
  return [
    fasterThan({ what, unit: 's', samples: [two], note: 'one run' }, { name: 'one process', samples: [one] }, 1.7),
  ];
};

/** Runs the command line from the sources. */
function run(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args], {
      cwd: project,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`the bench ended with ${code}`))));
  });
}
