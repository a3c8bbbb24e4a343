import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';

/** Listens, and ends by itself, with 130 if it was asked to stop. */
const script = `
  import { listenForInterrupts } from ${JSON.stringify(new URL('./interrupt.ts', import.meta.url).href)};
  const signal = listenForInterrupts(() => console.log('heard'));
  setTimeout(() => process.exit(signal.aborted ? 130 : 0), 3000);
  console.log('listening');`;

/** Interrupts once the process listens, and again `pause` milliseconds after it has reacted. */
async function interruptedTwice(pause: number): Promise<ChildProcess> {
  const flags = ['--import', 'tsx', '--input-type=module', '--eval', script];
  const child = spawn(process.execPath, flags, { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    if (text.includes('listening')) child.kill('SIGINT');
    if (text.includes('heard')) setTimeout(() => child.kill('SIGINT'), pause);
  });
  await once(child, 'exit');
  return child;
}

test.concurrent('one key press that arrives twice, as through npm, only asks to stop', async () => {
  expect((await interruptedTwice(50)).exitCode).toBe(130);
});

test.concurrent('a second key press ends the process at once', async () => {
  expect((await interruptedTwice(700)).signalCode).toBe('SIGINT');
});
