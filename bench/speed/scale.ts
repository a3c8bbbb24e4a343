/**
 * @file Purifies a full-size model over ImageNet's 1,000 classes and prints what each stage took:
 * `npm run bench:scale -- [--model vit-b-32|rn50] [--shots 16] [-- FLAGS OF PURIFY]`. Weights are random and pictures
 * noise: time and memory do not depend on them, so nothing is said of accuracy.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { readRun } from '../../src/runs/read.ts';
import { peakBytes } from '../../src/sweep/peak-memory.ts';
import { type BenchModel, configs, modelFolder } from './models.ts';

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    model: { type: 'string', default: 'vit-b-32' },
    shots: { type: 'string', default: '16' },
    cache: { type: 'string', default: join(tmpdir(), 'neural-antidote-bench') },
  },
});
if (!(flags.model in configs))
  throw new Error(`--model: found ${flags.model}, expected ${Object.keys(configs).join(', ')}`);

const project = fileURLToPath(new URL('../..', import.meta.url));
const say = (line: string) => console.error(`... ${line}`);
const model = await modelFolder(flags.cache, flags.model as BenchModel, say);
const pictures = await pictureFolder(flags.cache, Number(flags.shots));
const scratch = await mkdtemp(join(tmpdir(), 'neural-antidote-scale-'));
const out = join(scratch, 'run');

const command = ['purify', model, '--data', pictures, '--classes', 'imagenet', '--shots', flags.shots, '--out', out];
const { seconds, peak } = await watch([...command, ...positionals]);
const { stages } = await readRun(out);

const minutes = (value: number) => `${(value / 60).toFixed(1)} min`;
console.log('\n| stage | time |\n| --- | ---: |');
// What was looked up alone took no time.
for (const { name, seconds: took } of stages.filter((stage) => stage.seconds >= 1))
  console.log(`| ${name} | ${minutes(took)} |`);
const told = stages.reduce((sum, { seconds: took }) => sum + took, 0);
console.log(`| starting, writing the head | ${minutes(seconds - told)} |`);
console.log(`| **all** | **${minutes(seconds)}** |`);
console.log(`\npeak memory ${(peak / 2 ** 30).toFixed(2)} GiB\n\nantidote ${[...command, ...positionals].join(' ')}`);

/** An ImageFolder by WordNet ids: photo-sized JPEGs, no two files alike. */
async function pictureFolder(cache: string, shots: number): Promise<string> {
  const folder = join(cache, `pictures-${shots}`);
  if (existsSync(folder)) return folder;
  say(`writing ${1000 * shots} pictures to ${folder}`);
  const wnids: string[] = JSON.parse(await readFile(join(project, 'data/imagenet/wnids.json'), 'utf8'));
  const jpegs = await Promise.all(Array.from({ length: 32 }, (_, i) => jpeg(i)));
  const unfinished = `${folder}.unfinished`;
  for (const [label, wnid] of wnids.entries()) {
    await mkdir(join(unfinished, wnid), { recursive: true });
    for (let shot = 0; shot < shots; shot++) {
      // What stands behind the end mark makes another file of an equal picture; decoders do not read it.
      const bytes = Buffer.concat([jpegs[(label + shot) % jpegs.length]!, Buffer.from(`${label} ${shot}`)]);
      await writeFile(join(unfinished, wnid, `${shot}.jpg`), bytes);
    }
  }
  await rename(unfinished, folder);
  return folder;
}

/** ImageNet's usual 500 x 375 pixels. */
function jpeg(index: number): Promise<Buffer> {
  const noise = { type: 'gaussian', mean: 90 + 2 * index, sigma: 40 } as const;
  const create = { width: 500, height: 375, channels: 3, background: '#888', noise } as const;
  return sharp({ create }).blur(2).jpeg({ quality: 90 }).toBuffer();
}

/** Runs the command and watches the memory of its process. */
async function watch(command: readonly string[]): Promise<{ readonly seconds: number; readonly peak: number }> {
  const begun = performance.now();
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...command], {
    cwd: project,
    // An empty cache: embeddings of an earlier run would save this one's time.
    env: { ...process.env, XDG_CACHE_HOME: join(scratch, 'cache') },
    stdio: 'inherit',
  });
  let peak = 0;
  const timer = setInterval(async () => {
    peak = Math.max(peak, (await peakBytes(child.pid)) ?? 0);
  }, 500);
  const code = await new Promise((resolve) => child.once('exit', resolve));
  clearInterval(timer);
  if (code !== 0) throw new Error(`antidote ended with ${code}`);
  return { seconds: (performance.now() - begun) / 1000, peak };
}
