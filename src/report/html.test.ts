/** @file What a hostile value may not do to a page. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { html, toText } from './html.ts';

test('a value cannot open a tag, end an attribute or start an entity', () => {
  const hostile = `<script>alert("1")</script>' onload='x' &lt;`;
  const text = toText(html`<p title="${hostile}">${hostile}</p>`);
  expect(text.match(/<[^>]*>/g)).toHaveLength(2);
  expect(text).not.toContain('<script');
  expect(text).toContain('&amp;lt;');
});

test('no string leaves a character of markup', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      expect(toText(html`${value}`)).not.toMatch(/[<>"'\u202a-\u202e]|&(?!(amp|lt|gt|quot|#39);)/);
    }),
    { seed: 7 },
  );
});

test('characters that reverse text are shown by code point; the joiners of emoji stay', () => {
  expect(toText(html`${'ab\u202ecd'}`)).toBe('ab⟨U+202E⟩cd');
  expect(toText(html`${'👩\u200d🚀'}`)).toBe('👩\u200d🚀');
});

test('markup nests, lists are joined, null and false are left out', () => {
  expect(
    toText(html`<ul>${['a', '<b>'].map((item) => html`<li>${item}</li>`)}${null}${undefined}${false}${0}</ul>`),
  ).toBe('<ul><li>a</li><li>&lt;b&gt;</li>0</ul>');
});

test('an object read from JSON cannot pass for markup', () => {
  const forged = JSON.parse('["<b>"]');
  expect(toText(html`${forged}`)).toBe('&lt;b&gt;');
});
