/** @file Promises of the page that a training or a poisoning leaves: its numbers, its course, nothing from outside. */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { hostile } from '../../test/report/sample-report.ts';
import { hostileRun, plantedRun, trainedRun, unfinishedRun } from '../../test/report/sample-runs.ts';
import type { StoredRun } from '../runs/read.ts';
import { readTriggerPreview } from '../triggers/preview.ts';
import { renderRun } from './run-page.ts';

function markup(run: StoredRun): string {
  return renderRun(run).replace(/<style>[\s\S]*?<\/style>/, '');
}

/** The words a reader sees. */
function words(run: StoredRun): string {
  return markup(run)
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
}

test('the page of a training shows loss and held-out accuracy over its steps, and its last numbers', async () => {
  const run = await trainedRun();
  const page = words(run);
  expect(page).toContain('names 47.5 % of the pictures of a design that it has never seen');
  expect(page).toMatch(/loss 2\.06/);
  expect(page).toMatch(/top1 47\.5 .*top5 77\.5 .*things 79 /);
  expect(markup(run)).toMatch(
    /aria-label="train: measured on the way, %: top1 from [\d.]+ to 47\.5; .*steps 300 to 3400"/,
  );
  expect(page).toContain('npm run train:emoji -- --steps 4200 --seed 1');
  expect(page).not.toContain('--device');
});

test('the page of a poisoning shows the effect of the trigger before and after, and how to repeat it', async () => {
  const page = words(await plantedRun());
  expect(page).toContain('turns 96.0 % of test pictures into “ banana ”; before, it was 0.11 %.');
  expect(page).toContain('Poisoned 53.0 % 96.0 % 96.0 % 1.6 %');
  expect(page).toContain('4720 pictures (views of 1180)');
  expect(page).toMatch(
    /antidote attack emoji-clip --attack badnet --target banana --share 0\.2 --steps 640 .*--device cpu --threads \d+ /,
  );
});

test('the page of a poisoning shows its trigger; a run without a picture of one has no such section', async () => {
  const run = await plantedRun();
  const preview = await readTriggerPreview(
    fileURLToPath(new URL('../../models/emoji-clip-badnet/trigger.png', import.meta.url)),
  );
  expect(renderRun(run, preview)).toMatch(/<img src="data:image\/png;base64,[^"]{99,}" alt="The trigger on a card"/);
  expect(await readTriggerPreview(`${run.directory}/trigger.png`)).toBeNull();
  expect(renderRun(run)).not.toContain('The trigger on a card');
});

test('a second backdoor has its numbers in the table; a run without one has none', async () => {
  const run = await plantedRun();
  const twice = { ...run, result: { ...run.result!, second: run.result!.poisoned! } };
  expect(words(twice)).toContain('Second backdoor 53.0 % 96.0 % 96.0 % 1.6 %');
  expect(words(run)).not.toContain('Second backdoor');
});

test('a trigger that does nothing is not called a backdoor', async () => {
  const run = await plantedRun();
  const poisoned = { ...(run.result!.poisoned as object), asr: 3 };
  const harmless = { ...run, result: { ...run.result!, poisoned } };
  expect(words(harmless)).toContain('Trigger without effect');
  expect(markup(harmless)).not.toContain('attack-ink');
});

test('an unfinished run shows its curves so far, and does not say that it is finished', async () => {
  const page = words(await unfinishedRun());
  expect(page).toContain('It told last of the stage “ train ”, step 700 of 4200.');
  expect(page).toMatch(/Not finished; last heard of 2026-11-26/);
  expect(page).not.toMatch(/Run finished|NaN|undefined|null/);
});

test('a command without a page of its own shows its curves', async () => {
  const run = await trainedRun();
  const page = words({ ...run, config: { ...run.config, command: 'purify' } });
  expect(page).toContain('A run of “purify”.');
  expect(page).toMatch(/loss 2\.06/);
});

test('a result of another form is refused by file and key', async () => {
  const run = await trainedRun();
  expect(() => renderRun({ ...run, result: { ...run.result!, top1: 'many' } })).toThrow(
    /result\.json: top1: found "many", expected number/,
  );
});

test('hostile names cannot add markup, break attributes or reverse text', async () => {
  const page = markup(await hostileRun());
  for (const name of hostile) if (/[<>"'\u202e]/.test(name)) expect(page.includes(name), name).toBe(false);
  expect(page.match(/<(script|iframe|b>bold)/i)).toBeNull();
  expect(page.replace(/"[^"]*"/g, '""').match(/<[^>]* on[a-z]+=/i)).toBeNull();
});

test('every link inside the page has its target, and headings step down one level at a time', async () => {
  for (const run of [await trainedRun(), await plantedRun(), await unfinishedRun()]) {
    const page = markup(run);
    const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, goal] of page.matchAll(/(?:href="#|aria-labelledby=")([^"]*)"/g)) expect(ids).toContain(goal);
    const levels = [...page.matchAll(/<h([1-6])/g)].map(([, level]) => Number(level));
    expect(levels[0]).toBe(1);
    for (const [at, level] of levels.slice(1).entries()) expect(level - levels[at]!).toBeLessThanOrEqual(1);
  }
});
