/** @file Opens the inputs of a job and pins each in its run; obeys Ctrl-C during downloads and reads. */
import { openClip } from '../checkpoints/open.ts';
import type { Clip } from '../clip/clip.ts';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import { type ClassList, openClasses } from '../data/classes.ts';
import { openPictureSet } from '../data/open.ts';
import { AntidoteError } from '../errors.ts';
import { PinnedInputError, type Run } from '../runs/run.ts';
import { shellWord } from '../runs/shell-word.ts';
import { unlessStopped } from '../runs/unless-stopped.ts';
import { isFileProblem } from '../tensor/files/file-problem.ts';
import { sha256 } from '../tensor/sha256.ts';
import type { JobContext } from './job.ts';
import type { Terminal } from './terminal.ts';

export async function openModel({ run, recorder, terminal }: JobContext, name: string): Promise<Clip> {
  const clip = await unlessStopped(openClip(name, recorder.record), recorder.signal);
  noteAssumptions(terminal, clip);
  await pinModel(run, clip);
  return clip;
}

/** Facts that change every number, and that shapes do not show. */
const assumable = ['activation', 'heads', 'preprocessing'] as const;

/** A note on facts about the model that nothing states. */
export function noteAssumptions({ note }: Terminal, { name, reading: { origins } }: Clip): void {
  const assumed = assumable.filter((fact) => origins[fact].from === 'assumed');
  if (assumed.length === 0) return;
  note(`${name}: ${assumed.join(', ')} assumed, not known; check by: antidote inspect ${shellWord(name)}`);
}

/** Pins the weights and the configuration: another activation, or other preprocessing, makes another model. */
export async function pinModel(run: Run, { name, sha256: weights, config }: Clip): Promise<void> {
  await run.pin('model', { name, sha256: weights });
  await run.pin('architecture', { name, sha256: sha256(JSON.stringify(config)) });
}

/** Pins names and prompts as one input: the embeddings that a run has kept depend on both. */
export async function openClassList({ run }: JobContext, name: string): Promise<ClassList> {
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
  context: JobContext,
  { config }: Clip,
  classes: readonly string[],
  { data, shots: perClass, seed }: ShotOptions,
): Promise<PictureSet> {
  return openPictures(context, 'data', data, { classes, config, shots: { perClass, seed }, flag: '--data' });
}

export async function openPictures(
  { run, recorder }: Pick<JobContext, 'run' | 'recorder'>,
  role: 'data' | 'test',
  name: string,
  options: Parameters<typeof openPictureSet>[1],
): Promise<PictureSet> {
  const pictures = await unlessStopped(openPictureSet(name, options), recorder.signal);
  await run.pin(role, { name: pictures.name, sha256: pictures.hash });
  const wasRead = new Uint8Array(pictures.labels.length);
  return {
    ...pictures,
    async read(positions, decoders) {
      try {
        const read = await pictures.read(positions, decoders);
        for (const position of positions) wasRead[position] = 1;
        return read;
      } catch (error) {
        // What was a picture before may be one again, as a file is that somebody is just writing.
        throw positions.every((position) => wasRead[position]) ? error : faultOfPinned(error);
      }
    },
  };
}

/**
 * The fault of a picture that was hashed whole and then could not be decoded. One that only could not be read may be back
 * soon.
 */
function faultOfPinned(error: unknown): unknown {
  if (!(error instanceof AntidoteError) || error.fault !== 'data' || isFileProblem(error)) return error;
  const { fault, where, found, expected, advice } = error;
  const next = 'or remove it, and begin a new run';
  return new PinnedInputError({
    fault,
    where,
    found,
    expected,
    advice: advice === undefined ? `mend ${next}` : `${advice}, ${next}`,
    cause: error,
  });
}
