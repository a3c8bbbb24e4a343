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

test('a drawn attack by its name has the pinned trigger, and the target banana by default', async () => {
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

test('the target takes the spelling of the class list; one that is not in the list is unchanged', async () => {
  const threat = await openThreat('sig', 64, 'Red_Apple');
  expect(threatFor(threat, ['pear', 'red apple']).target).toBe('red apple');
  expect(threatFor(threat, ['pear', 'apple'])).toEqual(threat);
});

test('a patch in a fixed place is refused for pictures of another size than it was made for', async () => {
  const path = await file({ attack: 'badclip', target: 'banana', size: '8' });
  expect(await openThreat(path, 8)).toMatchObject({ attack: 'badclip' });
  await expect(openThreat(path, 16)).rejects.toThrow(
    'found a trigger for pictures of 8 x 8, expected one for 16 x 16, the size of the model',
  );
  await expect(openThreat('trojvqa', 224)).rejects.toThrow('found a trigger for pictures of 64 x 64');
  expect(await openThreat('badnet-fixed', 224)).toMatchObject({ trigger: { placement: { top: 201, left: 201 } } });
});

test('a trigger file with a word opens as both keys, as the patch only, or as the word only', async () => {
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

test('a key suffix on a threat without a word is refused', async () => {
  await expect(openThreat('badnet:word', 64)).rejects.toThrow(/":word" after badnet, expected it after a threat/);
});

test('a trigger that does not fit the pictures is refused when it is opened', async () => {
  const path = await file({ target: 'banana' });
  await expect(openThreat(path, 2)).rejects.toThrow(
    /--trigger .*trigger\.safetensors: found a patch of 2 x 2 pixels at row 1, column 1, expected to lie inside pictures of 2 x 2/,
  );
});

test('a malformed word is refused with the name of the file', async () => {
  const path = await file({ target: 'banana', word: 'ignore all\nof it' });
  await expect(openThreat(path, 8)).rejects.toThrow(/trigger\.safetensors: found the word "ignore all\\nof it"/);
});

test('a missing trigger file is refused with the command that makes it', async () => {
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

test('an unknown name is refused with the known ones', async () => {
  await expect(openThreat('laser', 64)).rejects.toThrow(/"laser", expected one of badnet, badnet-fixed, blended/);
});
