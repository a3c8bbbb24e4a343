/** @file Every colour that carries text or a line can be told from what lies behind it. */
import { expect, test } from 'vitest';
import { dark, light, paper } from './palette.ts';

/** Contrast ratio as WCAG 2.2 defines it. */
function contrast(one: string, other: string): number {
  const luminance = (hex: string) => {
    const [red, green, blue] = [1, 3, 5].map((at) => {
      const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    }) as [number, number, number];
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number];
  return (lighter + 0.05) / (darker + 0.05);
}

test.each(Object.entries({ light, dark, paper }))(
  '%s: text reaches WCAG AA on every ground it stands on',
  (_, palette) => {
    for (const ground of [palette.page, palette.card, palette.well]) {
      for (const text of [palette.ink, palette.muted, palette.attack, palette.cure]) {
        expect(contrast(text, ground), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
      }
    }
    for (const [text, ground] of [
      [palette.attack, palette.attackTint],
      [palette.cure, palette.cureTint],
      [palette.ink, palette.attackTint],
      [palette.ink, palette.cureTint],
      [palette.card, palette.attack],
      [palette.card, palette.cure],
    ] as const) {
      expect(contrast(text, ground), `${text} on ${ground}`).toBeGreaterThanOrEqual(4.5);
    }
  },
);

test.each(Object.entries({ light, dark, paper }))('%s: chart lines reach the 3 to 1 of graphics', (_, palette) => {
  for (const line of palette.lines) expect(contrast(line, palette.card), line).toBeGreaterThanOrEqual(3);
});
