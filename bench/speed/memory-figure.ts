/** @file Peak memory of a purification of ViT-B/32, beyond its weights. */
import { spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { atMost, type Figure } from './figure.ts';

const program = fileURLToPath(new URL('memory-child.ts', import.meta.url));
const GiB = 2 ** 30;

/** Pictures in one step of inversion. */
const batch = 16;

export const memoryFigure: Figure = async (bench) => {
  if (process.platform !== 'linux') {
    bench.say('peak memory is read from /proc, which only Linux has: left out');
    return [];
  }
  const folder = await bench.model('vit-b-32');
  bench.say(`a short purification of ViT-B/32, batch ${batch}`);
  const child = spawn(process.execPath, ['--import', 'tsx', program, folder, String(bench.threads), String(batch)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { peak, phases } = z
    .object({ peak: z.number(), phases: z.record(z.string(), z.number()) })
    .parse(JSON.parse(await text(child.stdout)));
  const { size } = await stat(join(folder, 'open_clip_model.safetensors'));
  const after = Object.entries(phases).map(([phase, bytes]) => `${phase} ${(bytes / GiB).toFixed(2)}`);
  return [
    atMost(
      {
        what: `peak memory of purify, ViT-B/32, batch ${batch}, without weights`,
        unit: 'GiB',
        samples: [(peak - size) / GiB],
        note: `one run; peak ${(peak / GiB).toFixed(2)}, weights ${(size / GiB).toFixed(2)} GiB; resident after ${after.join(', ')}`,
      },
      1.2,
    ),
  ];
};
