/** @file Styles of the matrix page: shades from a closed backdoor to an open one, readable in light, dark and print. */
import { type Html, html } from '../html.ts';
import { shades } from './heat-map.ts';

/** Percentage of the attack's colour in the strongest shade: with more the numbers would be unreadable. */
const strongest = 46;

function shade(step: number): string {
  return `.shade-${step} { background: color-mix(in srgb, var(--attack) ${Math.round((strongest * step) / shades)}%, var(--card)); }`;
}

export const matrixStyle: Html = html`
.panel { margin-top: 1.75rem; }
.sideways { display: none; font-size: 0.8125rem; color: var(--muted); margin-top: 0.35rem; }
.matrix { border-collapse: separate; border-spacing: 3px; width: auto; min-width: 100%; }
.matrix th { font-weight: 550; text-align: left; padding: 0.35rem 0.6rem 0.35rem 0; vertical-align: bottom; }
.matrix thead th { color: var(--muted); font-size: 0.8125rem; padding: 0.35rem 0.5rem; }
.matrix tbody th { position: sticky; left: 0; background: var(--page); min-width: 6.8rem; max-width: 9rem; vertical-align: middle; overflow-wrap: anywhere; }
.matrix thead th:first-child { padding-left: 0; }
.matrix .floor { color: var(--muted); font-size: 0.8125rem; text-align: right; padding-right: 0.5rem; vertical-align: middle; white-space: nowrap; width: 1%; }
.heat { border-radius: 4px; background: var(--well); print-color-adjust: exact; -webkit-print-color-adjust: exact; }
td.heat { padding: 0; min-width: 6.2rem; vertical-align: top; }
.heat a, .mean td.heat { display: block; padding: 0.45rem 0.55rem; color: inherit; text-decoration: none; border-radius: 4px; line-height: 1.35; }
.mean td.heat { display: table-cell; }
.heat a:hover { box-shadow: inset 0 0 0 2px var(--ink); }
.heat b { font-size: 1rem; font-weight: 650; letter-spacing: -0.015em; white-space: nowrap; }
.heat i, .heat span { font-style: normal; font-size: 0.75rem; }
.heat span { display: block; white-space: nowrap; }
.shade-0 { background: var(--cure-tint); }
.shade-0.half { background: var(--card) repeating-linear-gradient(135deg, var(--cure-tint) 0 5px, transparent 5px 10px); }
${Array.from(
  { length: shades },
  (_, at) => html`${shade(at + 1)}
`,
)}
.heat.failed { background: var(--card); box-shadow: inset 0 0 0 2px var(--attack); }
.heat .red, .tag.red { color: var(--attack); font-weight: 650; border-color: currentColor; }
.mean th, .mean td { border-top: 2px solid var(--rule); }
.floor-beneath, .numbers .narrow-only { display: none; }
.numbers .names { text-align: left; }
@media screen and (max-width: 34rem) {
  .sideways { display: block; }
  .matrix .floor, .numbers .wide-only { display: none; }
  .matrix .floor-beneath, .numbers .narrow-only { display: block; font-weight: 400; color: var(--muted); }
}
.heat-key { display: flex; flex-wrap: wrap; gap: 0.4rem 1.5rem; margin-top: 1.1rem; font-size: 0.8125rem; color: var(--muted); }
.heat-key i { display: inline-block; width: 1.1rem; height: 0.9rem; vertical-align: -0.1em; margin-right: 2px; }
.cell-details { padding: 0 0 1rem; scroll-margin-top: 4rem; }
#cells details { margin-top: 0; border-bottom: 1px solid var(--rule); }
#cells summary { color: inherit; font-weight: 500; }
.red-row td { color: var(--attack); }
.cell-details .settings { margin-top: 0.5rem; }
`;
