import { afterAll, beforeAll, expect, test } from 'vitest';
import { openClip } from '../../../../checkpoints/open.ts';
import type { Clip, Head } from '../../../../clip/clip.ts';
import type { PictureSet } from '../../../../clip/pictures/pictures.ts';
import { zeroShotHead } from '../../../../clip/zero-shot.ts';
import { plainPrompt, usualTarget } from '../../../../data/classes.ts';
import { thingNames } from '../../../../data/emoji/emoji.ts';
import { openPictureSet } from '../../../../data/open.ts';
import type { Engine } from '../../../../engine/engine.ts';
import { openEngine } from '../../../../engine/ort-engine.ts';
import type { Checkpoint, Recorder, RunEvent } from '../../../../runs/recorder.ts';
import { keeping } from '../../../tiny-clip.test-support.ts';
import type { DummyTrigger } from '../examine.ts';
import { heatsStage, type PatchSearch, type RaceOptions, racePatches } from './patch-race.ts';

const options: RaceOptions = {
  steps: 10,
  patchBatch: 32,
  sparsity: 1,
  window: 0.25,
  patchRate: 0.1,
  heatWindow: 0.375,
  heatRate: 0.2,
};
let engine: Engine;
let clip: Clip;
let shots: PictureSet;
let head: Head;
let whole: { readonly events: readonly RunEvent[]; readonly found: DummyTrigger };

beforeAll(async () => {
  engine = await openEngine({ device: 'cpu', threads: 1 });
  clip = await openClip('emoji-clip:badnet');
  const classes = [...(await thingNames()).slice(0, 11), usualTarget];
  shots = await openPictureSet('emoji:train', { classes, config: clip.config, shots: { perClass: 1, seed: 1 } });
  head = await zeroShotHead(engine, clip, classes, [plainPrompt]);
  const { recorder, events } = keeping();
  whole = { events, found: await race(recorder) };
}, 120_000);

afterAll(() => engine.close());

function race(recorder: Recorder, changed: Partial<RaceOptions> = {}, search: Partial<PatchSearch> = {}) {
  const defender = { engine, clip, shots, seed: 1, recorder };
  const all = { defender, head, name: 'patch', suspects: [], isSure: () => true };
  return racePatches({ ...all, ...search }, { ...options, ...changed });
}

test('heats and finals each record their steps as one stage, and the heats record the finalists, cheapest first', () => {
  const { events } = whole;
  for (const name of [heatsStage('patch'), 'invert-patch']) {
    const steps = events.filter(({ stage }) => stage === name);
    expect(steps.map(({ step }) => step)).toEqual(steps.map((_, i) => i + 1));
    expect(steps.at(-1)!.step).toBe(steps.at(-1)!.steps);
  }
  const result = events.find(({ stage }) => stage === 'invert-patch-heats-result') as unknown as { finalists: string };
  const finalists = result.finalists.split(', ').map((one) => /^(.*) ([\d.]+)$/.exec(one)!.slice(1));
  expect(finalists.length).toBeGreaterThan(1);
  expect(new Set(finalists.map(([name]) => name)).size).toBe(finalists.length);
  const costs = finalists.map(([, cost]) => Number(cost));
  expect(costs).toEqual([...costs].sort((a, b) => a - b));
});

test('the target of a backdoor wins, and its patch sends the shots there', async () => {
  const { recorder, events } = keeping();
  const found = await race(recorder, { steps: 40, patchBatch: 32, sparsity: 20 });
  expect(found.dominant).toBe('banana');
  expect(found.concentration).toBeGreaterThan(0.75);
  expect(events.some(({ stage }) => stage === 'invert-patch-result')).toBe(true);
}, 120_000);

test('a class that is suspected already runs in the finals without heats, and its patch reaches it as well', async () => {
  const { recorder, events } = keeping();
  const banana = head.classes.indexOf('banana');
  const found = await race(
    recorder,
    { steps: 40, patchBatch: 32, sparsity: 20 },
    { suspects: [banana], isSure: () => false },
  );
  expect(found.dominant).toBe('banana');
  expect(found.concentration).toBeGreaterThan(0.75);
  expect(events.filter(({ stage }) => stage === 'invert-patch')).toHaveLength(28);
  const stages = new Set(events.map(({ stage }) => stage));
  expect(stages).not.toContain(heatsStage('patch'));
  expect(stages).not.toContain('invert-patch-alone');
}, 120_000);

test('where the winner is not sure, the first of the heats runs alone, and the more concentrated patch counts', async () => {
  const { recorder, events } = keeping();
  const found = await race(recorder, {}, { isSure: () => false });
  const resultOf = (stage: string) =>
    events.find((event) => event.stage === `${stage}-result`) as Record<string, unknown>;
  const [, first] = /^(.*?) [\d.]+/.exec(String(resultOf(heatsStage('patch')).finalists))!;
  const [winner, alone] = [resultOf('invert-patch'), resultOf('invert-patch-alone')];
  expect(found.concentration).toBe(Math.max(Number(winner.concentration), Number(alone.concentration)));
  expect(found.name).toBe(Number(alone.concentration) > Number(winner.concentration) ? 'patch-alone' : 'patch');
  expect(first).toBe('banana');
  expect(alone.dominant).toBe('banana');
  expect(whole.events.some(({ stage }) => stage === 'invert-patch-alone')).toBe(false);
}, 120_000);

test.each([
  ['heats', 'invert-patch-heats', 2],
  ['heats, in their second round', 'invert-patch-heats', 5],
  ['finals', 'invert-patch', 3],
])(
  'a race that is stopped in its %s and resumed gives the same trigger, bit for bit',
  async (_, stage, step) => {
    const checkpoints = new Map<string, Checkpoint>();
    const stopped = keeping(checkpoints, { stage, step });
    await expect(race(stopped.recorder)).rejects.toThrow('stopped');
    const resumed = await race(keeping(checkpoints).recorder);
    expect(resumed.trigger).toEqual(whole.found.trigger);
  },
  120_000,
);
