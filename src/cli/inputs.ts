/** @file Opens what a job reads and pins each in its run; Ctrl-C is obeyed while something is being fetched or read. */
import { openClip } from '../checkpoints/open.ts';
import type { Clip } from '../clip/clip.ts';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import { type ClassList, openClasses } from '../data/classes.ts';
import { openPictureSet } from '../data/open.ts';
import type { Run } from '../runs/run.ts';
import { unlessStopped } from '../runs/unless-stopped.ts';
import { sha256 } from '../tensor/sha256.ts';
import type { Bench } from './job.ts';

export async function openModel({ run, recorder }: Bench, name: string): Promise<Clip> {
  const clip = await unlessStopped(openClip(name, recorder.record), recorder.signal);
  await pinModel(run, clip);
  return clip;
}

/** A model is its weights and how they are read: another activation, or other preprocessing, makes another one of them. */
export async function pinModel(run: Run, { name, sha256: weights, config }: Clip): Promise<void> {
  await run.pin('model', { name, sha256: weights });
  await run.pin('architecture', { name, sha256: sha256(JSON.stringify(config)) });
}

/** Names and prompts are one input: embeddings that a run has kept are of both. */
export async function openClassList({ run }: Bench, name: string): Promise<ClassList> {
  const list = await openClasses(name);
  const { names, templates, prompt } = list;
  await run.pin('classes', { name, sha256: sha256(JSON.stringify([names, templates, prompt])) });
  return list;
}

interface ShotOptions {
  readonly data: string;
  readonly shots: number;
  readonly seed: number;
}

export function openShots(
  bench: Bench,
  { config }: Clip,
  classes: readonly string[],
  { data, shots: perClass, seed }: ShotOptions,
): Promise<PictureSet> {
  return openPictures(bench, 'data', data, { classes, config, shots: { perClass, seed } });
}

export async function openPictures(
  { run, recorder }: Bench,
  role: 'data' | 'test',
  name: string,
  options: Parameters<typeof openPictureSet>[1],
): Promise<PictureSet> {
  const pictures = await unlessStopped(openPictureSet(name, options), recorder.signal);
  await run.pin(role, { name: pictures.name, sha256: pictures.hash });
  return pictures;
}
