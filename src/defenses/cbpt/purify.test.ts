import { expect, test } from 'vitest';
import type { Form } from './forms.ts';
import { believed, cbptDefaults } from './purify.ts';

const { concentration: least, inversion } = cbptDefaults;
const isBelieved = (form: Form, concentration: number) =>
  believed({ form, concentration }, least, inversion.waveConcentration);

test('a dummy trigger that spreads its victims over classes is not believed', () => {
  expect(isBelieved('sparse', 0.4)).toBe(false);
  expect(isBelieved('sparse', 0.6)).toBe(true);
});

test('waves must be more concentrated: on a clean model some class wins the race, too', () => {
  expect(isBelieved('wave', 0.88)).toBe(false);
  expect(isBelieved('wave', 0.96)).toBe(true);
});
