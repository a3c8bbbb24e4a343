import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';

/** Engines in separate processes: how they end, and what they need of the machine. */

const newFolder = temporaryFolder();

const source = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);

/** Common start of the scripts below: an engine, a program, and feeds for a long run. */
const preamble = `
  import { openEngine } from ${source('./ort-engine.ts')};
  import { input } from ${source('../graph/leaves.ts')};
  import { mul } from ${source('../graph/elementwise.ts')};
  import { matMul } from ${source('../graph/linear-algebra.ts')};
  const x = input('x', [400, 400]);
  let y = x;
  for (let i = 0; i < 20; i++) y = matMul(y, x);
  const feeds = { x: { dtype: 'float32', shape: [400, 400], data: new Float32Array(160_000) } };
`;

interface Ending {
  readonly code: number | string | null;
  readonly output: string;
}

function runScript(script: string, env: Record<string, string | undefined> = {}): Promise<Ending> {
  const flags = ['--import', 'tsx', '--input-type=module', '--eval', preamble + script];
  return new Promise((resolve) => {
    execFile(process.execPath, flags, { env: { ...process.env, ...env }, timeout: 50_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? (error.code ?? error.signal ?? null) : 0, output: stdout + stderr });
    });
  });
}

test.concurrent('a process ends by itself after close', async () => {
  const script = `
    const engine = await openEngine({ device: 'cpu', threads: 1 });
    const program = await engine.compile({ outputs: { y } });
    await program.run(feeds);
    await engine.close();`;
  expect(await runScript(script)).toEqual({ code: 0, output: '' });
});

test.concurrent('a process may have a dozen engines, and nothing warns of a leak', async () => {
  const script = `
    const engines = [];
    for (let i = 0; i < 12; i++) engines.push(await openEngine({ device: 'cpu', threads: 1 }));
    for (const engine of engines) await engine.close();
    if (process.listenerCount('exit') > 1) console.log('listeners are left');`;
  expect(await runScript(script)).toEqual({ code: 0, output: '' });
});

test.concurrent('ONNX Runtime stores and sends no data about its user', async () => {
  const home = newFolder();
  // As on a user's machine: ONNX Runtime is silent where it detects a test.
  const env = { HOME: home, XDG_CACHE_HOME: undefined, CI: undefined, ORT_DISABLE_TELEMETRY: undefined };
  const script = `
    process.chdir(${JSON.stringify(home)});
    const engine = await openEngine({ device: 'cpu', threads: 1 });
    const program = await engine.compile({ outputs: { y } });
    await program.run(feeds);
    await engine.close();`;
  expect(await runScript(script, env)).toEqual({ code: 0, output: '' });
  expect(await readdir(home, { recursive: true })).toEqual([]);
});

test.concurrent('a process ends by itself with an engine that nobody closed, but not before a run is done', async () => {
  const script = `
    const engine = await openEngine({ device: 'cpu', threads: 1 });
    const program = await engine.compile({ outputs: { y } });
    program.run(feeds).then(() => console.log('done'));`;
  expect(await runScript(script)).toEqual({ code: 0, output: 'done\n' });
});

test.concurrent('exit during a run keeps its code: ONNX Runtime is not ended in the middle', async () => {
  const script = `
    const engine = await openEngine({ device: 'cpu', threads: 1 });
    const program = await engine.compile({ outputs: { y } });
    for (let i = 0; i < 20; i++) program.run(feeds);
    setTimeout(() => process.exit(65), 100);`;
  expect(await runScript(script)).toEqual({ code: 65, output: '' });
});

test.concurrent('a worker that cannot start ends every promise with its reason', async () => {
  const hook = `export function resolve(specifier, context, next) {
    if (specifier === 'onnxruntime-node') throw new Error('no such package here');
    return next(specifier, context);
  }`;
  const module = (code: string) => `data:text/javascript,${encodeURIComponent(code).replaceAll("'", '%27')}`;
  const register = `import { register } from 'node:module'; register(${JSON.stringify(module(hook))});`;
  const script = `
    const engine = await openEngine({ device: 'cpu', threads: 1 });
    const compiled = [engine.compile({ outputs: { y } }), engine.compile({ outputs: { z: mul(x, 2) } })];
    for (const result of await Promise.allSettled(compiled)) console.log(result.reason.message);
    await engine.compile({ outputs: { y } }).catch((error) => console.log(error.message));
    await engine.close();`;
  const { code, output } = await runScript(script, { NODE_OPTIONS: `--import ${module(register)}` });
  const lines = output.trim().split('\n');
  expect(lines.length, output).toBe(3);
  for (const line of lines) expect(line).toMatch(/worker thread has ended: .*no such package here/);
  expect(code).toBe(0);
});

test.concurrent.each([
  ['cuda', 'Linux on x64, an NVIDIA card', {}],
  // Where Vulkan drives the card, no driver means no device.
  ['webgpu', 'a graphics card with a Vulkan', { VK_ICD_FILENAMES: '/nowhere.json', VK_DRIVER_FILES: '/nowhere.json' }],
] as const)(
  'the device %s, where this machine lacks it, is a usage error that says what is needed',
  async (device, needs, env) => {
    const script = `await openEngine({ device: '${device}', threads: 1 }).then(
    () => console.log('works here'),
    (error) => console.log(error.fault + ': ' + error.message));`;
    const { code, output } = await runScript(script, env);
    if (output.includes('works here')) return;
    // Dawn, the WebGPU implementation, writes warnings to standard error.
    const told = output.split('\n').filter((line) => line.startsWith('usage: '));
    expect({ code, told }).toEqual({
      code: 0,
      told: [
        `usage: device ${device}: found none that ONNX Runtime can use, expected ${needs}${told[0]?.split(needs)[1]}`,
      ],
    });
    expect(told[0]).toMatch(/README says how, under "GPU"; the device cpu works everywhere$/);
  },
);

test.concurrent('a program runs on WebGPU, state included', async (context) => {
  const driver = '/usr/lib/chromium/vk_swiftshader_icd.json';
  if (!existsSync(driver)) return context.skip("needs the SwiftShader driver of Debian's chromium");
  const script = `
    const engine = await openEngine({ device: 'webgpu', threads: 1 });
    const a = input('a', [2, 2]);
    const program = await engine.compile({ outputs: { twice: mul(a, 2) }, state: { a: { input: a, next: matMul(a, a) } } });
    await program.writeState({ a: { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, 1, 0, 1) } });
    for (let i = 0; i < 3; i++) await program.run({});
    console.log(String((await program.run({})).twice.data), String((await program.readState()).a.data));
    await engine.close();`;
  const env = { VK_ICD_FILENAMES: driver, LD_LIBRARY_PATH: '/usr/lib/chromium' };
  const { code, output } = await runScript(script, env);
  expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining('2,16,0,2 1,16,0,1') });
});
