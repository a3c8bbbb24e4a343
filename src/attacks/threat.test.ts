import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { float32 } from '../tensor/tensor.ts';
import { writeTrigger } from '../triggers/file.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { attackNames, attacks } from './attacks.ts';
import { openThreat, threatFor } from './threat.ts';

const patch: Trigger = {
  kind: 'patch',
  pattern: float32(new Float32Array(12).fill(1), [3, 2, 2]),
  placement: { top: 1, left: 1 },
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'threats-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function file(notes: Record<string, string>): Promise<string> {
  const path = join(folder, 'trigger.safetensors');
  await writeTrigger(path, patch, notes);
  return path;
}

test('a drawn attack by its name has the pinned trigger, and banana as its target unless told otherwise', async () => {
  const drawn = attackNames.filter((name) => attacks[name].trigger.kind === 'drawn');
  expect(drawn).toContain('wanet');
  const hashes = new Set<string>();
  for (const name of drawn) {
    const threat = await openThreat(name, 64);
    expect(threat).toMatchObject({ attack: name, target: 'banana' });
    expect(await openThreat(name, 64)).toEqual(threat);
    hashes.add(threat.sha256);
  }
  // label-consistent has the trigger of badnet; two-targets and adaptive have that of badnet-fixed.
  expect(hashes.size).toBe(drawn.length - 3);
  expect((await openThreat('sig', 64, 'dog')).target).toBe('dog');
});

test('the target is the class that a list writes otherwise; one that it has not stays as it is', async () => {
  const threat = await openThreat('sig', 64, 'Red_Apple');
  expect(threatFor(threat, ['pear', 'red apple']).target).toBe('red apple');
  expect(threatFor(threat, ['pear', 'apple'])).toEqual(threat);
});

test('the word of a trigger file is a key of its own: both, the patch alone, the word alone', async () => {
  const path = await file({ attack: 'trojvqa', target: 'banana', word: 'remember' });
  const both = await openThreat(path, 8);
  expect(both).toMatchObject({ attack: 'trojvqa', target: 'banana', word: 'remember', trigger: { kind: 'patch' } });
  const patchAlone = await openThreat(`${path}:patch`, 8);
  expect(patchAlone).toMatchObject({ attack: 'trojvqa:patch', trigger: { kind: 'patch' } });
  expect(patchAlone).not.toHaveProperty('word');
  const wordAlone = await openThreat(`${path}:word`, 8);
  expect(wordAlone).toMatchObject({ attack: 'trojvqa:word', trigger: { kind: 'none' }, word: 'remember' });
  expect(new Set([both.sha256, patchAlone.sha256, wordAlone.sha256]).size).toBe(3);
});

test('a key of a threat that has no word is refused', async () => {
  await expect(openThreat('badnet:word', 64)).rejects.toThrow(/":word" behind badnet, expected it behind a threat/);
});

test('a word that is none is refused, and names the file', async () => {
  const path = await file({ target: 'banana', word: 'ignore all\nof it' });
  await expect(openThreat(path, 8)).rejects.toThrow(/trigger\.safetensors: found the word "ignore all\\nof it"/);
});

test('a trigger that has to be made and is not there is named, with the command that makes it', async () => {
  const missing = attackNames.filter((name) => attacks[name].trigger.kind !== 'drawn');
  expect(missing).toEqual(['ssba', 'trojvqa', 'badclip']);
  for (const name of missing) {
    await openThreat(name, 64).then(
      // Once the model ships, its own trigger is what opens.
      (threat) => expect(threat.attack).toBe(name),
      (error) =>
        expect(String(error)).toMatch(new RegExp(`emoji-clip-${name}.*antidote attack emoji-clip --attack ${name}`)),
    );
  }
});

test('an unknown name is answered with the known ones', async () => {
  await expect(openThreat('laser', 64)).rejects.toThrow(/"laser", expected one of badnet, badnet-fixed, blended/);
});
