/** @file plan.json: the cells of a bench and their test pictures, written before the first cell is computed. */
import { join } from 'node:path';
import { z } from 'zod';
import { badData } from '../errors.ts';
import type { RunInput } from '../runs/config.ts';
import { shellWord } from '../runs/shell-word.ts';
import { unlessStopped } from '../runs/unless-stopped.ts';
import { writeFileAtomically } from '../tensor/files/atomic-file.ts';
import { readJsonIfThere } from '../tensor/files/json-file.ts';
import { drawTrigger, type TriggerPictures } from '../triggers/trigger-pictures.ts';
import { type Cell, cell, differingIngredient, type Task } from './cell.ts';
import { type CellMaterials, type Materials, shortName } from './materials.ts';

const planFile = 'plan.json';

const numbers = z.array(z.int().min(0));

/** The test pictures of cells with this hash under `test`. */
const testSet = z.strictObject({
  classes: z.array(z.string()),
  labels: numbers,
  /** Which drawing each picture is a view of; null where every picture is its own. */
  sources: numbers.nullable(),
});
export type TestSet = z.infer<typeof testSet>;

/** An attack's trigger as pictures for the report. */
const drawnTrigger = z.strictObject({
  attack: z.string(),
  target: z.string(),
  // Only this program writes the file, and the page escapes all of it.
  pictures: z.custom<TriggerPictures>((value) => value instanceof Object),
});
export type DrawnTrigger = z.infer<typeof drawnTrigger>;

const plan = z.strictObject({
  format: z.literal(1),
  /** One for every combination of the matrix, in its order; several may have one key. */
  cells: z.array(cell),
  tests: z.record(z.string(), testSet),
  triggers: z.array(drawnTrigger),
});
export type Plan = z.infer<typeof plan>;

/** Notes an input, so that a resumed bench can refuse another one. */
export type Pin = (role: string, input: RunInput) => Promise<void>;

/** Opens the inputs of the tasks, and gives every task its key. Throws the signal's reason when asked to stop. */
export async function makePlan(
  tasks: readonly Task[],
  materials: Materials,
  pin: Pin,
  signal: AbortSignal,
): Promise<Plan> {
  const cells: Cell[] = [];
  const tests: Record<string, TestSet> = {};
  const triggers = new Map<string, DrawnTrigger>();
  for (const task of tasks) {
    signal.throwIfAborted();
    const { cell: planned, opened } = await unlessStopped(materials.identify(task), signal);
    cells.push(planned);
    await pinAll(pin, planned, opened);
    const { test, threat } = opened;
    tests[test.hash] ??= { classes: [...test.classes], labels: [...test.labels], sources: sourcesOf(opened) };
    if (threat && !triggers.has(task.attack)) {
      const pictures = await drawTrigger({ set: test, seed: 0 }, threat.trigger);
      triggers.set(task.attack, { attack: task.attack, target: threat.target, pictures });
    }
  }
  return { format: 1, cells, tests, triggers: [...triggers.values()] };
}

function sourcesOf({ test }: CellMaterials): number[] | null {
  return test.sources ? [...test.sources] : null;
}

async function pinAll(
  pin: Pin,
  { task, ingredients }: Cell,
  { clip, threat, test, clean }: CellMaterials,
): Promise<void> {
  await pin('code', { name: 'neural-antidote', sha256: ingredients.code! });
  await pin(`model of ${task.attack}`, { name: clip.name, sha256: clip.sha256 });
  if (clean) await pin('clean model', { name: clean.name, sha256: clean.sha256 });
  if (threat) await pin(`trigger of ${task.attack}`, { name: threat.attack, sha256: threat.sha256 });
  // For each row, because models read pictures in sizes of their own.
  await pin(`test pictures of ${task.attack}, ${task.classes}`, { name: test.name, sha256: test.hash });
}

export async function writePlan(directory: string, made: Plan): Promise<void> {
  await writeFileAtomically(join(directory, planFile), JSON.stringify(made));
}

/** The plan of a resumed bench; undefined where it was stopped before it had one. */
export function readPlanIfThere(directory: string): Promise<Plan | undefined> {
  return readJsonIfThere(join(directory, planFile), plan);
}

/**
 * Checks that a resumed bench has its original inputs: others would change the keys of its cells and make the finished
 * ones useless. Both plans are of one matrix.
 *
 * @throws badData that names the input that has changed
 */
export function checkPlan(directory: string, original: Plan, now: Plan): void {
  for (const [at, { task, ingredients }] of now.cells.entries()) {
    const before = original.cells[at]!.ingredients;
    const other = differingIngredient(before, ingredients);
    if (other === undefined) continue;
    throw badData(
      `${other} of ${shortName(task)}`,
      `SHA-256 ${ingredients[other] ?? 'of nothing'}`,
      `${before[other] ?? 'none'}, which the bench in ${directory} started with`,
      'put the same files back, or start a new bench',
    );
  }
}

/** @throws badData where the folder has no bench, or one that was stopped during its planning */
export async function readPlan(directory: string): Promise<Plan> {
  const made = await readPlanIfThere(directory);
  if (made) return made;
  const advice = `go on with it by: antidote resume ${shellWord(directory)}`;
  throw badData(directory, `no ${planFile} in it`, 'a bench', advice);
}
