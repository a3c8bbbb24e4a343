import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tinyCell } from '../../test/sweep/tiny-cell.ts';
import { writeOpenClip } from '../checkpoints/write-open-clip.ts';
import { initialParameters } from '../clip/initialise.ts';
import { defenses } from '../defenses/defenses.ts';
import { tinyClip } from '../defenses/tiny-clip.test-support.ts';
import { temporaryFolder } from '../tensor/files/temporary-folder.test-support.ts';
import { randomFor } from '../tensor/random.ts';
import { gatherMaterials } from './materials.ts';
import { checkPlan, makePlan, type Pin, type Plan, readPlan } from './plan.ts';

const folder = temporaryFolder();
const never = new AbortController().signal;

test('models of two input sizes share a matrix, each with test pictures of its own', async () => {
  const { config } = await tinyClip(folder());
  const [small, large] = [join(folder(), 'tiny'), join(folder(), 'large')];
  const larger = { ...config, image: { ...config.image, resolution: 64 } };
  await writeOpenClip(large, larger, initialParameters(larger, randomFor(2, 'large')), 'float32');
  const classes = join(folder(), 'classes.txt');
  await writeFile(classes, 'banana\npizza\ndog face\n');
  const tasks = [small, large].map((model, row) => {
    const attack = `row ${row}`;
    return tinyCell('none', {}, { attack, model, trigger: null, classes, shots: 1 }).task;
  });
  const pinned = new Map<string, string>();
  // As a run does: one input for each role.
  const pin: Pin = async (role, { sha256 }) => {
    expect(pinned.get(role) ?? sha256, role).toBe(sha256);
    pinned.set(role, sha256);
  };
  const plan = await makePlan(tasks, await gatherMaterials('cpu', defenses), pin, never);
  expect(plan.cells).toHaveLength(2);
  expect(Object.keys(plan.tests)).toHaveLength(2);
  expect([...pinned.keys()]).toContain(`test pictures of row 1, ${classes}`);
}, 300_000);

test('a bench does not resume with other pictures, and the error names them', () => {
  const planOf = (shots: string): Plan => ({
    format: 1,
    cells: ['none', 'cbpt'].map((name) => ({
      ...tinyCell(name),
      ingredients: { code: 'c', ...(name === 'cbpt' && { shots }) },
    })),
    tests: {},
    triggers: [],
  });
  checkPlan('runs/x', planOf('as they were'), planOf('as they were'));
  expect(() => checkPlan('runs/x', planOf('as they were'), planOf('one more'))).toThrow(
    'shots of badnet, cbpt, things: found SHA-256 one more, expected as they were, which the bench in runs/x started with',
  );
});

test('planning opens nothing after the signal has aborted', async () => {
  const reason = new Error('enough');
  const task = tinyCell('none', {}, { model: join(folder(), 'nowhere') }).task;
  const planned = makePlan([task], await gatherMaterials('cpu', defenses), async () => {}, AbortSignal.abort(reason));
  await expect(planned).rejects.toBe(reason);
});

test('the error for a folder without a plan says how to resume, with the name of the folder quoted', async () => {
  const directory = join(folder(), 'my runs');
  await expect(readPlan(directory)).rejects.toThrow(`go on with it by: antidote resume '${directory}'`);
});
