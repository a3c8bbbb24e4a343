/** @file The report's colours, light and dark: two with a meaning, the others neutral. */

/** One set of colours, as CSS hex. */
export interface Palette {
  readonly page: string;
  readonly card: string;
  readonly ink: string;
  readonly muted: string;
  readonly rule: string;
  /** Background of bars and code. */
  readonly well: string;
  /** The undefended model, and the attacker's target. */
  readonly attack: string;
  readonly attackTint: string;
  /** The purified model, and a right answer. */
  readonly cure: string;
  readonly cureTint: string;
  /** Lines of a chart. */
  readonly lines: readonly [string, string, string, string, string, string];
}

export const light: Palette = {
  page: '#f4f6f7',
  card: '#ffffff',
  ink: '#14202b',
  muted: '#51606d',
  rule: '#d8dfe4',
  well: '#e9eef1',
  attack: '#b02f16',
  attackTint: '#fbe6df',
  cure: '#0a6672',
  cureTint: '#dcf0f1',
  lines: ['#14202b', '#0a6672', '#b02f16', '#7a4fb5', '#8a6100', '#51606d'],
};

export const dark: Palette = {
  page: '#0e151b',
  card: '#161f27',
  ink: '#e9eff3',
  muted: '#a0b0bc',
  rule: '#2b3843',
  well: '#222d37',
  attack: '#ff9b7d',
  attackTint: '#43231a',
  cure: '#63cdd6',
  cureTint: '#123a40',
  lines: ['#e9eff3', '#63cdd6', '#ff9b7d', '#c3a5f5', '#e0b858', '#a0b0bc'],
};

/** Paper: black on white whatever the screen prefers. */
export const paper: Palette = {
  ...light,
  page: '#ffffff',
  card: '#ffffff',
  ink: '#000000',
  muted: '#333333',
  rule: '#999999',
};

/** The palette as custom properties, to stand inside a CSS rule. */
export function customProperties({ lines, ...colours }: Palette): string {
  const named = Object.entries(colours).map(
    ([name, value]) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}: ${value};`,
  );
  return [...named, ...lines.map((value, at) => `--line-${at + 1}: ${value};`)].join(' ');
}
