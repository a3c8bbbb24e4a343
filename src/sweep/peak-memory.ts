/** @file The largest resident memory of a process, of this one since a moment of one's choice, where the kernel tells. */
import { readFile, writeFile } from 'node:fs/promises';

/** Begins anew: Linux forgets the peak so far when 5 is written to clear_refs (see proc(5)). False where it does not. */
export async function forgetPeak(): Promise<boolean> {
  try {
    await writeFile('/proc/self/clear_refs', '5');
    return true;
  } catch {
    return false;
  }
}

/** Bytes, of this process since `forgetPeak`; null where it cannot be known. */
export async function peakBytes(process: number | 'self' = 'self'): Promise<number | null> {
  const status = await readFile(`/proc/${process}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1];
  return kilobytes === undefined ? null : 1024 * Number(kilobytes);
}
