import { expect, test } from 'vitest';
import { believed, cbptDefaults } from './purify.ts';

const { concentration, inversion } = cbptDefaults;
const isBelieved = (dummy: { concentration: number; lead?: number }) => believed(dummy, concentration, inversion.lead);

test('a dummy trigger that spreads its victims over classes is not believed, however far ahead its class was', () => {
  expect(isBelieved({ concentration: 0.4 })).toBe(false);
  expect(isBelieved({ concentration: 0.4, lead: 10 })).toBe(false);
});

test('the winner of a race is believed only if it is far ahead: on a clean model some class wins, too', () => {
  expect(isBelieved({ concentration: 0.84, lead: 1.54 })).toBe(false);
  expect(isBelieved({ concentration: 0.92, lead: 2.02 })).toBe(true);
});

test('a form that ran no race is believed for its concentration alone', () => {
  expect(isBelieved({ concentration: 0.9 })).toBe(true);
});
