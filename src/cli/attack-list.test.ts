import { expect, test } from 'vitest';
import { attackNames, attacks } from '../attacks/attacks.ts';
import { attackLines, describeAttacks } from './attack-list.ts';

test('the list explains every attack: summary, source, trigger, captions, defaults and where each number is from', () => {
  const described = describeAttacks();
  expect(described.map(({ attack }) => attack)).toEqual(attackNames);
  for (const entry of described) {
    for (const text of [entry.summary, entry.source, entry.trigger, entry.scaling, entry.captions]) {
      expect(text.length).toBeGreaterThan(10);
    }
    expect(entry.numbers.every(({ name, value, source }) => name && Number.isFinite(value) && source)).toBe(true);
    const numbers = Object.fromEntries(entry.numbers.map(({ name, value }) => [name, value]));
    // What is said of the poisoning is what is done.
    expect(numbers).toMatchObject(attacks[entry.attack].poisoning);
  }
  expect(described.find(({ attack }) => attack === 'trojvqa')?.word).toBe('remember');
  expect(described.find(({ attack }) => attack === 'label-consistent')?.captions).toMatch(/kept/);
});

test('the list for a person names each attack once, at the beginning of a line', () => {
  const lines = attackLines();
  for (const name of attackNames) expect(lines.filter((line) => line.startsWith(`${name}: `))).toHaveLength(1);
});
