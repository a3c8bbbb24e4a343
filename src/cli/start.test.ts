/** @file Streams that break during a command, and errors outside a command's promises. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';

const counting = fileURLToPath(new URL('../../test/cli/counting-command.ts', import.meta.url));
const folder = temporaryFolder();

/** A command at work while a timer throws. */
const careless = `
  import { buildCommand, buildRouteMap } from '@stricli/core';
  import { start } from ${JSON.stringify(new URL('./start.ts', import.meta.url).href)};
  const work = buildCommand({
    docs: { brief: 'Work' },
    parameters: { flags: { json: { kind: 'boolean', brief: 'As JSON', default: false } } },
    async func() {
      setTimeout(() => { throw new TypeError('nobody waits for this'); }, 10);
      await new Promise((resolve) => setTimeout(resolve, 60_000));
    },
  });
  await start(async () => buildRouteMap({ routes: { work }, docs: { brief: 'For tests' } }));`;
// The first argument after an --eval script is in the place of a program's path.
const carelessly = ['--input-type=module', '--eval', careless, 'antidote', 'work'];

interface Ending {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function run(args: readonly string[], { deaf = false, stdout = 'pipe' as 'pipe' | number } = {}): Promise<Ending> {
  const child = spawn(process.execPath, ['--import', 'tsx', ...args], { stdio: ['ignore', stdout, 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  if (deaf) child.stderr!.destroy();
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}

test('a run whose standard error is closed goes on', async () => {
  const ended = await run([counting, 'count', '--out', join(folder(), 'unheard')], { deaf: true });
  expect(ended).toEqual({ code: 0, out: 'counted 5, from 1\n', err: '' });
});

test.skipIf(!existsSync('/dev/full'))('a full disk under standard output is reported as such', async () => {
  const full = await open('/dev/full', 'w');
  const { code, err } = await run([counting, 'count', '--quiet', '--out', join(folder(), 'full')], { stdout: full.fd });
  await full.close();
  expect(code).toBe(65);
  expect(err).toMatch(/^antidote: standard output: found a full disk/);
});

test('an error outside a command is reported on standard error, and with --json as a document too', async () => {
  const [plain, json] = await Promise.all([run(carelessly), run([...carelessly, '--json'])]);
  expect(plain).toMatchObject({ code: 70, out: '' });
  expect(plain.err).toMatch(/^antidote: an error of its own.*TypeError: nobody waits for this/);
  expect(json.code).toBe(70);
  expect(JSON.parse(json.out).error.found).toBe('TypeError: nobody waits for this');
});

test('commands that cannot be loaded end with 70: 1 would mean that a backdoor was found', async () => {
  const broken = `
    import { start } from ${JSON.stringify(new URL('./start.ts', import.meta.url).href)};
    await start(async () => { throw new Error('Could not load the "sharp" module'); });`;
  const { code, out, err } = await run(['--input-type=module', '--eval', broken, 'antidote', 'scan', '--json']);
  expect(code).toBe(70);
  expect(err).toMatch(/^antidote: an error of its own.*Could not load the "sharp" module/);
  expect(JSON.parse(out).error.found).toMatch(/Could not load/);
});
