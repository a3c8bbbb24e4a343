/** @file matrix.yaml: the models, defenses, seeds and class lists that a bench crosses, checked and as a list of tasks. */
import { z } from 'zod';
import { attackNames, attacks } from '../attacks/attacks.ts';
import { withoutKey } from '../attacks/threat.ts';
import { builtInModels } from '../checkpoints/built-in.ts';
import { formNames } from '../defenses/cbpt/inversion/forms.ts';
import type { Variant } from '../defenses/cbpt/inversion/invert-trigger.ts';
import type { TuningOptions } from '../defenses/cbpt/tuning/prompts.ts';
import type { JsonRecord } from '../runs/config.ts';
import type { Task } from './cell.ts';
import type { Defenses } from './materials.ts';
import { OptionProblem, type OptionRules, withDefaults } from './options.ts';
import { readYaml, type YamlFile } from './yaml-file.ts';

const optionRules: OptionRules = {
  choices: {
    variant: ['farthest-text', 'collapse'] satisfies Variant[],
    contexts: ['class-wise', 'shared'] satisfies TuningOptions['contexts'][],
    forms: formNames,
  },
  counts: { steps: 1, batch: 1, patchBatch: 1, saveEvery: 1, views: 1, stages: 1, warmup: 0 },
};

/**
 * More cells than any machine finishes, so a mistake rather than a plan. A cell takes some two kilobytes of plan.json, of
 * which no more than 64 MiB are read again.
 */
const mostCells = 20_000;

const text = z.string().min(1, 'a name');
const list = <T extends z.ZodType>(item: T) => z.array(item).min(1, 'a list with at least one entry');
const shots = z.int().min(1).max(10_000);

/** A user's own model, or a built-in one under another threat. */
const row = z.strictObject({
  name: text,
  model: text,
  trigger: text.nullable().default(null),
  target: text.nullable().default(null),
  /** The defender's data, where they differ from the matrix's. */
  data: text.nullable().default(null),
  /** Share of the shots that carry a wrong label. */
  wrongLabels: z.number().min(0).lt(1).default(0),
});

const matrix = z.strictObject({
  /**
   * Built-in poisoned models, each measured with its own trigger; of a trigger in two parts, the suffixes `:patch` and
   * `:word` keep one.
   */
  attacks: list(text).optional(),
  models: list(row).optional(),
  defenses: list(text),
  seeds: list(
    z
      .int()
      .min(0)
      .max(2 ** 31 - 1),
  ),
  classes: list(text),
  /** Labelled pictures per class for the defense. */
  shots: z.union([shots, list(shots)], 'a whole number from 1 to 10000, or a list of them').default(16),
  data: text.default('emoji:train'),
  test: text.default('emoji:test'),
  /** By defense, the options that differ from its defaults. */
  options: z.record(z.string(), z.record(z.string(), z.json())).default({}),
  /** Whether every cell gets a report of its own. */
  reports: z.boolean().default(false),
});

/** A checked matrix as in config.json: each axis a list, the options of every defense complete. */
export const checkedMatrix = z.strictObject({
  rows: list(row),
  defenses: list(text),
  seeds: list(z.int()),
  classes: list(text),
  shots: list(shots),
  data: text,
  test: text,
  options: z.record(z.string(), z.record(z.string(), z.json())),
  reports: z.boolean(),
});
export type Matrix = z.infer<typeof checkedMatrix>;

/**
 * Reads and checks a matrix. Opens none of its inputs.
 *
 * @throws AntidoteError (data) that names file, line and key: unknown keys, attacks, defenses and options, an empty
 * axis, a repeated entry, an oracle for a row without a trigger, and too many cells
 */
export async function readMatrix(path: string, defenses: Defenses): Promise<Matrix> {
  const file = await readYaml(path, matrix);
  const { attacks = [], models = [], options, reports, data, test, ...axes } = file.value;
  if (attacks.length + models.length === 0) {
    throw file.refuse([], 'neither attacks nor models', 'at least one of them', `attacks: ${attackNames.join(', ')}`);
  }
  const poisoned = attacks.map((name, at) => attackRow(file, name, at));
  checkNames(file, axes.defenses, defenses);
  const everyShots = Array.isArray(axes.shots) ? axes.shots : [axes.shots];
  for (const [key, values] of Object.entries({
    ...axes,
    attacks,
    ...(Array.isArray(axes.shots) && { shots: axes.shots }),
  })) {
    if (Array.isArray(values)) checkOnce(file, key, values);
  }
  checkOnce(
    file,
    'models',
    models.map(({ name }) => name),
    attacks,
  );
  checkOracles(file, axes.defenses, models, defenses);
  const checked: Matrix = {
    ...axes,
    rows: [...poisoned, ...models],
    shots: everyShots,
    data,
    test,
    reports,
    options: resolvedOptions(file, axes.defenses, options, defenses),
  };
  const count = taskCount(checked);
  if (count > mostCells) throw file.refuse([], `${count} cells`, `at most ${mostCells}`, 'make several benches of it');
  return checked;
}

function attackRow(file: YamlFile<unknown>, name: string, at: number): Matrix['rows'][number] {
  const { whole, key } = withoutKey(name);
  const model = `emoji-clip:${whole}`;
  const attack = attackNames.find((known) => known === whole);
  if (attack === undefined) {
    const advice = 'a model of your own stands under models';
    throw file.refuse(['attacks', at], JSON.stringify(name), `one of ${attackNames.join(', ')}`, advice);
  }
  if (key !== undefined && attacks[attack].word === undefined) {
    throw file.refuse(['attacks', at], `":${key}" after ${attack}`, 'it after an attack that has a patch and a word');
  }
  if (!builtInModels.includes(model)) {
    const advice = 'poison one with antidote attack, and name it under models';
    throw file.refuse(['attacks', at], `"${name}", which no built-in model carries`, builtInModels.join(', '), advice);
  }
  return { name, model, trigger: name, target: null, data: null, wrongLabels: 0 };
}

function checkNames(file: YamlFile<unknown>, names: readonly string[], defenses: Defenses): void {
  const wrong = names.findIndex((name) => !Object.hasOwn(defenses, name));
  if (wrong < 0) return;
  throw file.refuse(['defenses', wrong], JSON.stringify(names[wrong]), `one of ${Object.keys(defenses).join(', ')}`);
}

/** A control that knows the trigger needs one in every row. */
function checkOracles(
  file: YamlFile<unknown>,
  names: readonly string[],
  models: readonly z.infer<typeof row>[],
  defenses: Defenses,
): void {
  const oracle = names.find((name) => defenses[name]!.knows === 'threat');
  const without = models.findIndex(({ trigger }) => trigger === null);
  if (oracle === undefined || without < 0) return;
  const expected = `a trigger, which the defense "${oracle}" of this matrix needs`;
  const advice = `give the row one, or make a bench without "${oracle}" of it`;
  throw file.refuse(['models', without, 'trigger'], 'none', expected, advice);
}

/** Equal entries would be the same cells twice, and a mean over them would be wrong. */
function checkOnce(
  file: YamlFile<unknown>,
  key: string,
  values: readonly unknown[],
  taken: readonly unknown[] = [],
): void {
  const seen = new Set(taken);
  values.forEach((value, at) => {
    if (seen.has(value)) throw file.refuse([key, at], `${JSON.stringify(value)} a second time`, 'every entry once');
    seen.add(value);
  });
}

function resolvedOptions(
  file: YamlFile<unknown>,
  names: readonly string[],
  given: Readonly<Record<string, JsonRecord>>,
  defenses: Defenses,
): Record<string, JsonRecord> {
  const unused = Object.keys(given).find((name) => !names.includes(name));
  if (unused !== undefined) {
    throw file.refuse(['options', unused], `options of "${unused}"`, `a defense of this matrix: ${names.join(', ')}`);
  }
  return Object.fromEntries(
    names.map((name) => {
      try {
        const resolved = withDefaults(plainOptions(defenses[name]!), given[name] ?? {}, optionRules);
        return [name, resolved];
      } catch (error) {
        if (!(error instanceof OptionProblem)) throw error;
        throw file.refuse(['options', name, ...error.keys], error.found, error.expected);
      }
    }),
  );
}

/** Recipes are plain data (`defenses/defense.ts`), which their types cannot express. */
function plainOptions({ defaults }: Defenses[string]): JsonRecord {
  return defaults as unknown as JsonRecord;
}

function taskCount({ rows, defenses, seeds, classes, shots }: Matrix): number {
  return rows.length * defenses.length * seeds.length * classes.length * shots.length;
}

/** Every combination, in the order of the file: cells that share a model and its pictures follow one another. */
export function tasksOf(matrix: Matrix): Task[] {
  const { rows, classes, shots, defenses, seeds, data, test, options, reports } = matrix;
  return rows.flatMap(({ name, data: own, ...row }) =>
    classes.flatMap((list) =>
      shots.flatMap((perClass) =>
        defenses.flatMap((defense) =>
          seeds.map((seed) => ({
            attack: name,
            ...row,
            defense,
            options: options[defense]!,
            seed,
            classes: list,
            shots: perClass,
            data: own ?? data,
            test,
            report: reports,
          })),
        ),
      ),
    ),
  );
}
