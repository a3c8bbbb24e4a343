/** @file A purified CLIP on disk: a manifest, and a head that refers to the model's weights by hash. */
import { copyFile, readdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { builtInFolder } from '../checkpoints/built-in.ts';
import { openClip } from '../checkpoints/open.ts';
import type { Clip, Head } from '../clip/clip.ts';
import type { Inversion } from '../defenses/cbpt/inversion/dummy-triggers.ts';
import type { Purification } from '../defenses/cbpt/purify.ts';
import type { Prompts } from '../defenses/cbpt/tuning/prompts.ts';
import { AntidoteError, badData } from '../errors.ts';
import { readConfig } from '../runs/read.ts';
import type { RunEvent } from '../runs/recorder.ts';
import { shellWord } from '../runs/shell-word.ts';
import { isAbsent } from '../tensor/files/file-problem.ts';
import { readJsonIfThere, writeJson } from '../tensor/files/json-file.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../tensor/safetensors.ts';
import { sha256Schema } from '../tensor/sha256.ts';
import { float32, type Tensor } from '../tensor/tensor.ts';
import { writeTrigger } from '../triggers/file.ts';
import { writeTriggerPreview } from '../triggers/preview.ts';

export const purifiedFile = 'purified.json';
export const headFile = 'head.safetensors';

const manifest = z.object({
  format: z.literal(1),
  method: z.literal('cbpt'),
  /** The untouched model: the head fits no other. A name that begins with `./` is in this folder. */
  model: z.object({ name: z.string(), sha256: sha256Schema }),
  head: z.literal(headFile),
  classes: z.array(z.string()),
  templates: z.array(z.string()),
  /** Files of the dummy triggers, and whether tuning used them. */
  dummies: z.array(
    z.object({
      file: z.string(),
      form: z.string(),
      concentration: z.number(),
      dominant: z.string(),
      used: z.boolean(),
    }),
  ),
});

export type Manifest = z.infer<typeof manifest>;

export interface Purified {
  readonly manifest: Manifest;
  readonly head: Head;
  /** The prompts of the head. */
  readonly prompts: Pick<Prompts, 'contexts' | 'ids'>;
  /** The head of hand-written prompts on the same model, for comparison. */
  readonly zeroShot: Head;
}

/**
 * Writes `head.safetensors` (`text_embeds` [C, E] with unit rows, `zero_shot_text_embeds`, `logit_scale` as a natural
 * logarithm, `contexts` [C, M, W], `token_ids`), the dummy triggers, and last `purified.json`.
 *
 * @returns the content of `purified.json`
 */
export async function writePurified(
  directory: string,
  clip: Clip,
  { head, zeroShot, prompts, ...found }: Purification,
  templates: readonly string[],
): Promise<Manifest> {
  const shape = [head.classes.length, head.embedding];
  const tensors: Record<string, Tensor> = {
    text_embeds: float32(head.embeddings, shape),
    zero_shot_text_embeds: float32(zeroShot.embeddings, shape),
    logit_scale: float32([Math.log(head.scale)], []),
    contexts: prompts.contexts,
    token_ids: prompts.ids,
  };
  await writeSafetensors(join(directory, headFile), tensors, {
    classes: JSON.stringify(head.classes),
    model_sha256: clip.sha256,
    normalized: 'true',
  });
  const dummies = await writeDummies(directory, clip, found);
  const record: Manifest = {
    format: 1,
    method: 'cbpt',
    model: { name: lastingName(clip), sha256: clip.sha256 },
    head: headFile,
    classes: [...head.classes],
    templates: [...templates],
    dummies,
  };
  await writeJson(join(directory, purifiedFile), record);
  return record;
}

/**
 * Writes every dummy trigger, as `dummy-NAME.safetensors` and as a picture.
 *
 * @returns their entries in a manifest
 */
export async function writeDummies(
  directory: string,
  clip: Clip,
  { dummies, used }: Inversion,
): Promise<Manifest['dummies']> {
  const listed: Manifest['dummies'] = [];
  for (const dummy of dummies) {
    const { name, form, trigger, concentration, dominant } = dummy;
    const file = `dummy-${name}.safetensors`;
    await writeTrigger(join(directory, file), trigger, { form, dominant });
    await writeTriggerPreview(join(directory, `dummy-${name}.png`), trigger, clip.config.image.resolution);
    listed.push({ file, form, concentration, dominant, used: used.includes(dummy) });
  }
  return listed;
}

/** A name that stays valid: an absolute path for any working directory, a commit on the Hub instead of a branch. */
function lastingName({ name, reading: { hub } }: Clip): string {
  if (builtInFolder(name)) return name;
  return hub ? `hf:${hub.repository}@${hub.commit}` : resolve(name);
}

/**
 * Writes a purified model beside a copy of its base model, so that the folder opens from any place. Dummy triggers are
 * left out: classifying does not need them.
 *
 * @param name of the copy, relative to `directory`: begins with `./`
 * @returns the purpose of each written file
 */
export async function writeBundled(
  run: string,
  directory: string,
  { manifest: { model, ...record } }: Purified,
  name: string,
): Promise<Record<string, string>> {
  await copyFile(join(run, headFile), join(directory, headFile));
  const bundled: Manifest = { ...record, model: { name, sha256: model.sha256 }, dummies: [] };
  await writeJson(join(directory, purifiedFile), bundled);
  return {
    [headFile]: 'the head as antidote opens it',
    [purifiedFile]: 'makes this folder one that antidote opens: classify, evaluate',
  };
}

/** Reads the files of {@link writePurified}; undefined if the folder holds no purified model. */
export async function openPurified(directory: string): Promise<Purified | undefined> {
  const record = await readJsonIfThere(join(directory, purifiedFile), manifest, { advice: 'purify again' });
  if (record === undefined) return undefined;
  const headPath = join(directory, record.head);
  const { tensors } = await openSafetensors(headPath);
  /** A size of -1 matches any. */
  const tensor = async (name: string, shape: readonly number[]): Promise<Tensor> => {
    const stored = tensors.get(name);
    const found = stored ? `shape [${stored.shape.join(', ')}]` : 'nothing';
    if (
      !stored ||
      stored.shape.length !== shape.length ||
      stored.shape.some((size, i) => shape[i] !== -1 && size !== shape[i])
    ) {
      const sizes = shape.map((size) => (size === -1 ? 'any' : size)).join(', ');
      throw badData(headPath, `${found} under "${name}"`, `shape [${sizes}] for ${record.classes.length} classes`);
    }
    return readTensor(stored);
  };
  const read = async (name: string, shape: readonly number[]) => (await tensor(name, shape)).data as Float32Array;
  const embedding = tensors.get('text_embeds')?.shape[1] ?? -1;
  const shape = [record.classes.length, embedding];
  const [logScale = 0] = await read('logit_scale', []);
  const head = (embeddings: Float32Array): Head => ({
    classes: record.classes,
    embedding,
    scale: Math.exp(logScale),
    embeddings,
  });
  return {
    manifest: record,
    head: head(await read('text_embeds', shape)),
    prompts: {
      contexts: (await tensor('contexts', [record.classes.length, -1, -1])) as Tensor<'float32'>,
      ids: (await tensor('token_ids', [record.classes.length, -1])) as Tensor<'int64'>,
    },
    zeroShot: head(await read('zero_shot_text_embeds', shape)),
  };
}

/** A purified run together with its model. */
export interface OpenedPurified {
  readonly clip: Clip;
  readonly purified: Purified;
}

/**
 * Opens a model, or a purified run together with its model.
 *
 * @param report receives the progress of opening (`openClip`)
 * @throws AntidoteError (data) if the run is unfinished, its model is no longer there, or that model's weights are not
 *   those that the head was tuned on
 */
export async function openModelOrRun(
  nameOrRun: string,
  report?: (event: RunEvent) => void,
): Promise<{ clip: Clip; purified: Purified | undefined }> {
  const purified = await openPurified(nameOrRun);
  if (purified) return { clip: await openModelOf(nameOrRun, purified.manifest, report), purified };
  await checkFinished(nameOrRun);
  return { clip: await openClip(nameOrRun, report), purified };
}

/** As {@link openModelOrRun}, for a purified run alone. */
export async function openPurifiedRun(run: string, report?: (event: RunEvent) => void): Promise<OpenedPurified> {
  const purified = await openPurified(run);
  if (purified) return { clip: await openModelOf(run, purified.manifest, report), purified };
  await checkFinished(run);
  throw badData(run, await foundInPlaceOf(run), 'the directory of a purified run', 'antidote purify MODEL makes one');
}

async function foundInPlaceOf(run: string): Promise<string> {
  if (run.startsWith('hf:') || builtInFolder(run) !== undefined) return 'a model';
  const status = await stat(run).catch(() => undefined);
  if (!status) return 'no such folder';
  return status.isDirectory() ? `no ${purifiedFile} in it` : 'a file';
}

/** Refuses a purification that has no head yet: `openClip` knows no more than that a run is no model. */
async function checkFinished(folder: string): Promise<void> {
  const files = await readdir(folder).catch((): string[] => []);
  // A model of Hugging Face has a config.json, too.
  if (!files.includes('config.json') || !files.includes('events.jsonl')) return;
  const { command } = await readConfig(folder);
  if (command !== 'purify' && command !== 'demo') return;
  const found = `an unfinished run of \`antidote ${command}\``;
  const advice = `\`antidote resume ${shellWord(folder)}\` finishes it`;
  throw badData(folder, found, 'a model, or the directory of a purified run', advice);
}

async function openModelOf(
  run: string,
  { model: { name, sha256 } }: Manifest,
  report: ((event: RunEvent) => void) | undefined,
): Promise<Clip> {
  const place = name.startsWith('./') ? join(run, name) : name;
  const expected = `the model that ${run} was made for, SHA-256 ${sha256}`;
  const clip = await openClip(place, report).catch((error) => {
    if (!(error instanceof AntidoteError && error.where === place && isAbsent(error.cause))) throw error;
    const bundling = `antidote export ${shellWord(run)} --bundle --out DIR`;
    const advice =
      `put it back, or write its new place into ${join(run, purifiedFile)}, under model.name; ` +
      `\`${bundling}\` keeps head and model together from then on`;
    throw badData(place, 'no such file or folder', expected, { advice, cause: error });
  });
  if (clip.sha256 !== sha256) {
    throw badData(clip.name, `SHA-256 ${clip.sha256}`, expected, 'a head fits only the weights it was tuned on');
  }
  return clip;
}
