/** @file The inputs of cells: models, class lists, pictures and triggers, opened once and hashed. */
import { type NamedThreat, openThreat, threatFor } from '../attacks/threat.ts';
import { cleanCounterpart } from '../checkpoints/built-in.ts';
import { openClip } from '../checkpoints/open.ts';
import type { Clip } from '../clip/clip.ts';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import { type ClassList, openClasses } from '../data/classes.ts';
import { chooseShots, mislabelled, subset } from '../data/few-shot.ts';
import { openPictureSet } from '../data/open.ts';
import type { Defense } from '../defenses/defense.ts';
import { type Device, devices } from '../engine/engine.ts';
import { sha256 } from '../tensor/sha256.ts';
import { type Cell, differingIngredient, type Ingredients, type Task } from './cell.ts';
import { codeHash } from './code-hash.ts';
import { blameMaterials, OtherMaterials } from './runners/worker-failures.ts';

/** Picture sets kept open: training and test pictures of two class lists. Drawings of all emoji fill 160 MB. */
const openSets = 4;

/** Defenses by their names in a matrix. */
export type Defenses = Readonly<Record<string, Defense>>;

/** All inputs of a cell, opened. */
export interface CellMaterials {
  readonly clip: Clip;
  readonly classes: ClassList;
  readonly shots: PictureSet;
  readonly test: PictureSet;
  readonly threat: NamedThreat | undefined;
  /** The model before poisoning, where it is known. */
  readonly clean: Clip | undefined;
}

export interface Materials {
  /** Opens the inputs of the task. */
  open(task: Task): Promise<CellMaterials>;
  /** The task with its key, and its inputs. */
  identify(task: Task): Promise<{ readonly cell: Cell; readonly opened: CellMaterials }>;
  /** As `open`, and checks that the inputs are those that the cell was planned with. */
  openChecked(cell: Cell): Promise<CellMaterials>;
}

/**
 * @param device part of every key: other devices compute other digits
 * @param defenses those that know nothing have one cell for all shots and seeds
 */
export async function gatherMaterials(device: Device, defenses: Defenses): Promise<Materials> {
  const code = await codeHash();
  const clips = new Map<string, Promise<Clip>>();
  const lists = new Map<string, Promise<ClassList>>();
  const sets = new Map<string, Promise<PictureSet>>();

  const clipOf = (name: string) => once(clips, name, () => openClip(name));
  const classesOf = (name: string) => once(lists, name, () => openClasses(name));

  /** @param use some data sets have a part for shots and another one for tests */
  async function setOf(data: string, list: string, clip: Clip, use: 'shots' | 'test'): Promise<PictureSet> {
    const { image, preprocessing } = clip.config;
    const key = JSON.stringify([data, list, image.resolution, preprocessing, use]);
    const { names } = await classesOf(list);
    const options = { classes: names, config: clip.config, ...(use === 'shots' && { shots: 'all' as const }) };
    const set = once(sets, key, () => openPictureSet(data, options));
    // Most recently used last.
    sets.delete(key);
    sets.set(key, set);
    for (const oldest of sets.keys()) {
      if (sets.size <= openSets) break;
      sets.delete(oldest);
    }
    return set;
  }

  async function open(task: Task): Promise<CellMaterials> {
    const clip = await clipOf(task.model);
    const { trigger, target } = task;
    const pool = await setOf(task.data, task.classes, clip, 'shots');
    const shots = subset(pool, chooseShots(pool, { perClass: task.shots, seed: task.seed }));
    const counterpart = cleanCounterpart(clip.name);
    const classes = await classesOf(task.classes);
    const threat =
      trigger === null ? undefined : await openThreat(trigger, clip.config.image.resolution, target ?? undefined);
    return {
      clip,
      classes,
      shots: task.wrongLabels > 0 ? mislabelled(shots, task.wrongLabels, task.seed) : shots,
      test: await setOf(task.test, task.classes, clip, 'test'),
      threat: threat && threatFor(threat, classes.names),
      clean: counterpart === undefined ? undefined : await clipOf(counterpart),
    };
  }

  function ingredientsOf(task: Task, { clip, classes, shots, test, threat, clean }: CellMaterials): Ingredients {
    return {
      code,
      device: sha256(device),
      model: clip.sha256,
      architecture: sha256(JSON.stringify(clip.config)),
      // Class names as token ids, with their prompts: hashes the list and the tokenizer at once.
      classes: sha256(JSON.stringify([classes, classes.names.map((name) => clip.tokenizer.encode(name, 'truncate'))])),
      test: test.hash,
      defense: sha256(JSON.stringify([task.defense, inOrder(task.options)])),
      ...(threat && { trigger: sha256(JSON.stringify([threat.sha256, threat.target])) }),
      ...(clean && { clean: clean.sha256 }),
      ...(defenses[task.defense]?.knows !== 'nothing' && { shots: shots.hash, seed: sha256(String(task.seed)) }),
    };
  }

  async function identify(task: Task): Promise<{ cell: Cell; opened: CellMaterials }> {
    const opened = await open(task);
    const ingredients = ingredientsOf(task, opened);
    return { cell: { key: sha256(JSON.stringify(inOrder(ingredients))), task, ingredients }, opened };
  }

  return {
    open,
    identify,
    async openChecked({ task, ingredients: planned }) {
      checkDevice(device, planned, task);
      const materials = await open(task).catch(blameMaterials);
      const found = ingredientsOf(task, materials);
      const other = differingIngredient(planned, found);
      if (other === undefined) return materials;
      throw new OtherMaterials({
        fault: 'data',
        where: `${other} of ${shortName(task)}`,
        found: `SHA-256 ${found[other] ?? 'of nothing'}`,
        expected: `${planned[other] ?? 'none'}, with which the bench was planned`,
        advice: 'put the same files and the same version on this machine',
      });
    },
  };
}

/** Other devices compute other digits. Checked before anything is fetched; ingredients hold the device's hash only. */
function checkDevice(own: Device, planned: Ingredients, task: Task): void {
  const theirs = devices.find((name) => sha256(name) === planned.device);
  if (theirs === undefined || theirs === own) return;
  throw new OtherMaterials({
    fault: 'usage',
    where: `device of ${shortName(task)}`,
    found: own,
    expected: `${theirs}, for which the bench was planned`,
    advice: `start the worker with --device ${theirs}, or the bench with --device ${own}`,
  });
}

export function shortName({ attack, defense, classes }: Task): string {
  return `${attack}, ${defense}, ${classes}`;
}

function once<T>(known: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const found = known.get(key);
  if (found) return found;
  const made = make();
  known.set(key, made);
  made.catch(() => known.delete(key));
  return made;
}

/** Sorts the keys of a record at every depth, so that equal content gives equal text. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, inOrder(inner)]));
}
