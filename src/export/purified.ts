/** @file A purified CLIP on disk: a manifest and a head over a model whose weights are referred to by hash. */

import { copyFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { builtInFolder } from '../checkpoints/built-in.ts';
import { openClip } from '../checkpoints/open.ts';
import type { Clip, Head } from '../clip/clip.ts';
import type { Inversion } from '../defenses/cbpt/inversion/dummy-triggers.ts';
import type { Purification } from '../defenses/cbpt/purify.ts';
import type { Prompts } from '../defenses/cbpt/tuning/prompts.ts';
import { badData } from '../errors.ts';
import type { RunEvent } from '../runs/recorder.ts';
import { writeFileAtomically } from '../tensor/files/atomic-file.ts';
import { readJsonIfThere } from '../tensor/files/json-file.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../tensor/safetensors.ts';
import { float32, type Tensor } from '../tensor/tensor.ts';
import { writeTrigger } from '../triggers/file.ts';
import { writeTriggerPreview } from '../triggers/preview.ts';

export const manifestFile = 'purified.json';
export const headFile = 'head.safetensors';

const manifest = z.object({
  format: z.literal(1),
  method: z.literal('cbpt'),
  /** The untouched model: the head is worth nothing with another one. A name that begins with `./` is in this folder. */
  model: z.object({ name: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
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
  /** What the head was computed from. */
  readonly prompts: Pick<Prompts, 'contexts' | 'ids'>;
  /** Hand-written prompts on the same model, for comparison. */
  readonly zeroShot: Head;
}

/**
 * Writes `head.safetensors` (`text_embeds` [C, E] with unit rows, `zero_shot_text_embeds`, `logit_scale` as a natural
 * logarithm, `contexts` [C, M, W], `token_ids`), the dummy triggers, and last `purified.json`.
 *
 * @returns what the last one holds
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
  await writeFileAtomically(join(directory, manifestFile), `${JSON.stringify(record, null, 2)}\n`);
  return record;
}

/**
 * Writes every dummy trigger, as `dummy-NAME.safetensors` and as a picture.
 *
 * @returns what a manifest says of them
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

/** A folder is found again from wherever the run is opened, a model of the Hub whatever its branch has become. */
function lastingName({ name, reading: { hub } }: Clip): string {
  if (builtInFolder(name)) return name;
  return hub ? `hf:${hub.repository}@${hub.commit}` : resolve(name);
}

/**
 * Writes a purified model beside a copy of its base model, so that the folder is opened from wherever it lies. Dummy
 * triggers stay behind: they are what was defended against, and classifying needs none.
 *
 * @param name of the copy, from `directory`: begins with `./`
 * @returns what was written, and what each file is
 */
export async function writeBundled(
  run: string,
  directory: string,
  { manifest: { model, ...record } }: Purified,
  name: string,
): Promise<Record<string, string>> {
  await copyFile(join(run, headFile), join(directory, headFile));
  const bundled: Manifest = { ...record, model: { name, sha256: model.sha256 }, dummies: [] };
  await writeFileAtomically(join(directory, manifestFile), `${JSON.stringify(bundled, null, 2)}\n`);
  return {
    [headFile]: 'the head as antidote opens it',
    [manifestFile]: 'makes this folder one that antidote opens: classify, evaluate',
  };
}

/** Reads what {@link writePurified} wrote; undefined if the folder holds no purified model. */
export async function openPurified(directory: string): Promise<Purified | undefined> {
  const record = await readJsonIfThere(join(directory, manifestFile), manifest, { advice: 'purify again' });
  if (record === undefined) return undefined;
  const headPath = join(directory, record.head);
  const { tensors } = await openSafetensors(headPath);
  /** A size of -1 may be any. */
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
 * Opens a model, or a purified run together with the model that it was made for.
 *
 * @param report told how far opening is (`openClip`)
 * @throws AntidoteError (data) if that model's weights are not those that the head was tuned on
 */
export async function openModelOrRun(
  nameOrRun: string,
  report?: (event: RunEvent) => void,
): Promise<{ clip: Clip; purified: Purified | undefined }> {
  const purified = await openPurified(nameOrRun);
  const name = purified?.manifest.model.name ?? nameOrRun;
  const clip = await openClip(purified && name.startsWith('./') ? join(nameOrRun, name) : name, report);
  if (purified && purified.manifest.model.sha256 !== clip.sha256) {
    const expected = `${purified.manifest.model.sha256}, the model that ${nameOrRun} was made for`;
    throw badData(clip.name, `SHA-256 ${clip.sha256}`, expected, 'a head fits only the weights it was tuned on');
  }
  return { clip, purified };
}
