/** @file A process of a bench that computes tiny cells: `tiny-process.ts DIR [unusable]`. */
import { badUsage } from '../../src/errors.ts';
import { storedIn } from '../../src/sweep/run-cell.ts';
import { serveParent } from '../../src/sweep/runners/serve-cells.ts';
import { openCellStore } from '../../src/sweep/store.ts';
import { tinyCompute } from './tiny-cell.ts';

const [directory, wish] = process.argv.slice(2) as [string, string?];
if (wish === 'broken') throw new Error('this process was never any good');
await serveParent(async () => {
  if (wish === 'unusable') throw badUsage('device cuda', 'none that can be used', 'a graphics card');
  return { runCell: storedIn(openCellStore(directory), tinyCompute(directory)), close: async () => {} };
});
