/** @file A process of a bench that computes tiny cells: `tiny-process.ts DIR [unusable]`. */
import { badUsage } from '../../src/errors.ts';
import { performing } from '../../src/sweep/perform.ts';
import { serveParent } from '../../src/sweep/runners/serve.ts';
import { openCellStore } from '../../src/sweep/store.ts';
import { tinyCompute } from './tiny-cell.ts';

const [directory, wish] = process.argv.slice(2) as [string, string?];
if (wish === 'broken') throw new Error('this process was never any good');
await serveParent(async () => {
  if (wish === 'unusable') throw badUsage('device cuda', 'none that can be used', 'a graphics card');
  return { perform: performing(tinyCompute(directory), openCellStore(directory)), close: async () => {} };
});
