/** @file The largest resident memory of a process; of this process also since a chosen moment. Linux only. */
import { readFile, writeFile } from 'node:fs/promises';

/** Resets the peak: Linux does so when 5 is written to clear_refs (see proc(5)). False on other systems. */
export async function forgetPeak(): Promise<boolean> {
  try {
    await writeFile('/proc/self/clear_refs', '5');
    return true;
  } catch {
    return false;
  }
}

/** Bytes, of this process since `forgetPeak`; null where the system does not report them. */
export async function peakBytes(process: number | 'self' = 'self'): Promise<number | null> {
  const status = await readFile(`/proc/${process}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? null : 1024 * Number(kilobytes);
}
