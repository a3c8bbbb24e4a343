/** @file What a server answers to those who want to leave: they wait a moment for it, and not without end. */
import { unlessStopped } from '../../runs/unless-stopped.ts';

/** A server that has not answered within so many milliseconds after the wish to leave is left without its answer. */
const parting = 3_000;

/** What the server answers, or its refusal; rejects with the signal's reason where it is left without either. */
export function untilLeft<T>(answer: Promise<T>, leaving: AbortSignal): Promise<T> {
  return unlessStopped(answer, leaving, parting);
}

/** The same for whom a refusal is as good as no answer. */
export async function answered<T>(answer: Promise<T>, leaving: AbortSignal): Promise<T | undefined> {
  return untilLeft(answer, leaving).catch(() => undefined);
}
