/** @file What identifies a trigger: equal hashes, equal changes to pixels. */
import { sha256 } from '../tensor/sha256.ts';
import type { Trigger } from './trigger.ts';

/** JSON of the record with every tensor's numbers as their SHA-256. */
export function triggerRecord(trigger: Trigger): string {
  return JSON.stringify(trigger, (_, value) => (ArrayBuffer.isView(value) ? sha256(value as Uint8Array) : value));
}
