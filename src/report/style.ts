/** @file The style sheet of the report: one column for any width, in light, dark and print. */
import { type Html, html } from './html.ts';
import { customProperties, dark, light, paper } from './palette.ts';

const page = html`
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 1rem; }
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.wrap { max-width: 72rem; margin: 0 auto; padding: 0 clamp(1rem, 4vw, 2.5rem) 4rem; }
h1, h2, h3, h4, p, ul, dl, figure, table, pre { margin: 0; padding: 0; }
h1 { font-size: clamp(1.6rem, 1.05rem + 2.5vw, 2.75rem); line-height: 1.14; letter-spacing: -0.022em; font-weight: 650; max-width: 24em; text-wrap: balance; }
h2 { font-size: clamp(1.3rem, 1.15rem + 0.7vw, 1.65rem); line-height: 1.2; letter-spacing: -0.015em; font-weight: 650; }
h3 { font-size: 1rem; line-height: 1.35; font-weight: 650; }
h4 { font-size: 0.875rem; font-weight: 600; margin-top: 1.25rem; }
ul { list-style: none; }
small { font-size: 0.8125rem; color: var(--muted); }
code, pre, .hashes dd, .settings dt { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: 0.8125rem; }
a { color: var(--cure); text-underline-offset: 0.2em; text-decoration-thickness: 1px; }
:focus-visible { outline: 2px solid var(--cure); outline-offset: 3px; border-radius: 2px; }
.wrap > section, .wrap > main > section { margin-top: clamp(3rem, 6vw, 4.5rem); }
.lead { color: var(--muted); max-width: 44rem; margin-top: 0.6rem; }
.facts { color: var(--muted); font-size: 0.875rem; margin-top: 0.9rem; max-width: 46rem; }
.facts strong, .lead strong { font-weight: 650; }
.lead strong:not(.attack-ink, .cure-ink), .facts strong { color: var(--ink); }
.muted { color: var(--muted); }
.attack-ink { color: var(--attack); }
.cure-ink { color: var(--cure); }
.number { text-align: right; }
.nowrap { white-space: nowrap; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; left: -999rem; }
.skip:focus { position: static; display: inline-block; margin: 0.5rem 0; }
.definitions { position: absolute; }
.pixels { display: block; width: 100%; height: auto; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated; border-radius: 4px; background: var(--well); }
.tag { display: inline-block; font-size: 0.75rem; font-weight: 500; color: var(--muted); border: 1px solid var(--rule); border-radius: 99px; padding: 0.05rem 0.6rem; margin-left: 0.35rem; vertical-align: 0.08em; white-space: nowrap; }
.tag.attack-ink { color: var(--attack); border-color: currentColor; font-weight: 650; }
`;

const head = html`
.top { display: flex; flex-wrap: wrap; gap: 0.25rem 1.5rem; justify-content: space-between; padding: 1rem 0; align-items: baseline; border-bottom: 1px solid var(--rule); font-size: 0.875rem; color: var(--muted); }
.top b { color: var(--ink); font-weight: 650; letter-spacing: -0.01em; }
.wrap > main > .hero { margin-top: clamp(1.75rem, 4vw, 2.75rem); }
.stamp { display: inline-flex; align-items: center; gap: 0.5rem; font-size: 0.875rem; font-weight: 650; padding: 0.25rem 0.85rem 0.25rem 0.7rem; border-radius: 99px; margin-bottom: 1rem; border: 1px solid currentColor; }
.stamp::before { content: ""; width: 0.55rem; height: 0.55rem; border-radius: 50%; background: currentColor; }
.stamp.cure { color: var(--cure); background: var(--cure-tint); }
.stamp.attack { color: var(--attack); background: var(--attack-tint); }
.stamp.neutral { color: var(--ink); background: var(--well); }
.hero .detail { margin-top: 1rem; max-width: 46rem; font-size: clamp(1rem, 0.96rem + 0.25vw, 1.125rem); color: var(--muted); }
.about { display: flex; flex-wrap: wrap; gap: 0.75rem 2rem; margin-top: 1.5rem; font-size: 0.875rem; }
.about dt { color: var(--muted); }
.about dd { margin: 0; font-weight: 550; }
.contents { display: flex; flex-wrap: wrap; gap: 0 1.25rem; }
.contents a { color: inherit; text-decoration-color: var(--rule); padding: 0.25rem 0; }
.contents a:hover { color: var(--ink); text-decoration-color: currentColor; }
`;

const measures = html`
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr)); gap: 1rem; margin-top: clamp(1.75rem, 4vw, 2.5rem); }
.tile, .trigger, .chart { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 1.15rem 1.25rem 1.25rem; min-width: 0; }
.tile h3 abbr { color: var(--muted); font-weight: 500; margin-left: 0.2rem; }
.tile:only-child { max-width: 40rem; }
.big { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0.1rem 0.55rem; font-size: clamp(1.7rem, 1.5rem + 0.7vw, 2.1rem); font-weight: 650; letter-spacing: -0.03em; line-height: 1.2; margin: 0.3rem 0 1rem; white-space: nowrap; }
.arrow { align-self: center; fill: none; stroke: var(--muted); stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; }
.change { font-size: 0.8125rem; font-weight: 550; letter-spacing: 0; color: var(--muted); width: 100%; }
.change.bad { color: var(--attack); }
.bars { display: grid; gap: 0.65rem; margin-top: 0.4rem; }
.bar { display: grid; grid-template-columns: 1fr auto; gap: 0 1rem; font-size: 0.8125rem; line-height: 1.45; }
.bar svg { grid-column: 1 / -1; display: block; overflow: visible; margin: 0.1rem 0; }
.bar-value { font-weight: 600; text-align: right; }
.bar-note { grid-column: 1 / -1; color: var(--muted); font-size: 0.75rem; }
.bar .track { fill: var(--well); }
.bar.undefended .fill { fill: var(--attack); }
.bar.subject .fill { fill: var(--ink); }
.bar.purified .fill { fill: var(--cure); }
.bar.reference .fill { fill: var(--muted); fill-opacity: 0.55; }
.whisker line { stroke: var(--ink); stroke-width: 1.3; }
.subject .whisker line { stroke: var(--muted); }
.axis { display: block; overflow: visible; margin-top: 0.4rem; }
.axis line { stroke: var(--rule); }
.axis text, .plot text { font-size: 0.6875rem; fill: var(--muted); }
.meaning { padding-top: 0.9rem; font-size: 0.8125rem; color: var(--muted); }
table { border-collapse: collapse; width: 100%; font-size: 0.875rem; }
caption { text-align: left; font-weight: 650; padding-bottom: 0.4rem; }
.numbers th, .numbers td, .classes th, .classes td { padding: 0.5rem 0.75rem; border-bottom: 1px solid var(--rule); vertical-align: top; }
.numbers th:first-child, .classes th:first-child { text-align: left; padding-left: 0; font-weight: 500; }
.numbers td:last-child, .numbers th:last-child { padding-right: 0; }
.numbers thead th, .classes thead th { color: var(--muted); font-size: 0.8125rem; font-weight: 550; vertical-align: bottom; }
.numbers small { display: block; line-height: 1.4; font-size: 0.75rem; white-space: nowrap; }
.scroll { position: relative; overflow-x: auto; margin-top: 1.25rem; overflow-wrap: normal; }
@supports (animation-timeline: scroll()) {
  @media screen { .scroll { animation: more-to-the-right linear; animation-timeline: scroll(self inline); } }
  @keyframes more-to-the-right { from, 90% { mask-image: linear-gradient(to right, #000 calc(100% - 3rem), transparent); } to { mask-image: none; } }
}
.meanings { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); gap: 1rem 2rem; margin-top: 1.5rem; font-size: 0.875rem; }
.meanings dt { font-weight: 650; }
.meanings dd { margin: 0; color: var(--muted); }
`;

const pictures = html`
.key { display: flex; flex-wrap: wrap; gap: 0.35rem 1.5rem; margin: 1rem 0 1.25rem; font-size: 0.875rem; }
.icon { display: inline-block; fill: none; stroke: currentColor; stroke-width: 2.2; stroke-linecap: round; stroke-linejoin: round; vertical-align: -0.12em; flex: none; }
symbol .solid { fill: currentColor; stroke: none; }
.key .right svg, .says.right svg { color: var(--cure); }
.key .target svg, .says.target svg { color: var(--attack); }
.key .wrong svg, .says.wrong svg { color: var(--muted); }
.examples { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15.25rem), 1fr)); gap: 1rem; }
.example { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 0.7rem; min-width: 0; break-inside: avoid; }
.example table { table-layout: fixed; font-size: 0.78125rem; line-height: 1.3; border-collapse: separate; border-spacing: 4px; margin: -4px; width: calc(100% + 8px); }
.example caption { font-size: 0.9375rem; padding: 0 0.25rem 0.35rem; }
.example thead td, .example tbody th { width: 1.1rem; padding: 0; }
.example tbody th span { display: block; writing-mode: vertical-rl; transform: rotate(180deg); font-size: 0.6875rem; font-weight: 550; color: var(--muted); margin: 0 auto; white-space: nowrap; overflow-wrap: normal; }
.example thead th { padding: 0; font-weight: 450; color: var(--muted); font-size: 0.75rem; }
.example thead th span { display: block; padding-top: 0.2rem; }
.says { padding: 0.35rem 0.3rem; border-radius: 4px; vertical-align: top; height: 2.9rem; background: var(--well); }
.says > span { display: flex; gap: 0.2rem; align-items: baseline; font-weight: 600; }
.says bdi { min-width: 0; }
.says .icon { width: 12px; height: 12px; position: relative; top: 0.1em; }
.says small { display: block; font-size: 0.75rem; }
.says.right { background: var(--cure-tint); }
.says.target { background: var(--attack-tint); }
.says.target > span { color: var(--attack); }
`;

const triggers = html`
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 1rem; margin-top: 1.25rem; }
.triggers { display: grid; gap: 1rem; margin-top: 1.25rem; }
.trigger { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.9rem 2rem; align-items: start; }
.trigger h3 .tag { white-space: normal; }
.trigger h4, .trigger .facts { margin-top: 0; }
.trigger .facts + *, .trigger .bars + .facts { margin-top: 0.9rem; }
.strip { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.5rem, 1fr)); gap: 0.9rem 0.75rem; }
.preview { max-width: 16rem; margin-top: 1.25rem; }
@media (min-width: 62rem) {
  .trigger { grid-template-columns: minmax(0, 1fr) 19rem; }
  .trigger h3 { grid-column: 1 / -1; }
  .strip { grid-template-columns: repeat(5, 1fr); }
}
.strip figcaption { font-size: 0.75rem; line-height: 1.35; color: var(--muted); padding-top: 0.35rem; }
.ramp { display: grid; grid-template-columns: 1fr auto 1fr; margin-top: 0.3rem; font-size: 0.6875rem; }
.ramp i { grid-column: 1 / -1; height: 7px; border-radius: 2px; border: 1px solid var(--rule); background: linear-gradient(to right, #000, #fff); print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.ramp span:last-child { text-align: right; }
.chart figcaption { font-weight: 650; }
.legend { display: flex; flex-wrap: wrap; gap: 0.15rem 1.1rem; margin-top: 0.4rem; font-size: 0.8125rem; color: var(--muted); }
.legend svg { vertical-align: 0.08em; margin-right: 0.3rem; }
.legend .last { color: var(--ink); font-weight: 600; }
.plot { padding: 0.9rem 0.4rem 1.6rem 3.1rem; }
.plot svg { display: block; overflow: visible; }
.grid line { stroke: var(--rule); }
.axis-name { text-align: right; font-size: 0.6875rem; color: var(--muted); margin-top: -0.2rem; }
.chart path, .legend line { fill: none; stroke-width: 1.8; vector-effect: non-scaling-stroke; stroke-linejoin: round; stroke-linecap: round; }
.line-1 { stroke: var(--line-1); }
.line-2 { stroke: var(--line-2); stroke-dasharray: 7 3; }
.line-3 { stroke: var(--line-3); stroke-dasharray: 2 3.5; }
.line-4 { stroke: var(--line-4); stroke-dasharray: 9 3 2 3; }
.line-5 { stroke: var(--line-5); stroke-dasharray: 4 4; }
.line-6 { stroke: var(--line-6); stroke-dasharray: 12 4; }
.moment rect { fill: transparent; }
.moment line, .moment circle { visibility: hidden; stroke: var(--muted); fill: var(--card); pointer-events: none; }
.moment:hover line, .moment:hover circle { visibility: visible; }
`;

const rest = html`
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1.5rem 2.5rem; margin-top: 1.25rem; align-items: start; }
.columns > * { min-width: 0; }
.classes { table-layout: fixed; }
.classes th, .classes td { padding: 0.35rem 0.3rem; }
.classes td.number { white-space: nowrap; }
.classes th.number { overflow-wrap: normal; font-size: 0.75rem; }
.classes th:nth-child(2), .classes td:nth-child(2) { width: 2.6rem; }
.classes th:nth-child(3), .classes th:nth-child(4), .classes th:nth-child(5) { width: 4.4rem; }
.classes .move { width: 28%; padding-right: 5px; padding-left: 0.8rem; }
.classes .move svg { display: block; overflow: visible; margin-top: 0.25rem; }
.move .track { stroke: var(--rule); }
.move .loss, .move .gain { stroke-width: 3; }
.move .loss { stroke: var(--attack); }
.move .gain { stroke: var(--cure); }
.move .from { fill: var(--card); stroke: var(--muted); stroke-width: 1.5; }
tr:has(.loss) .to { fill: var(--attack); }
tr:has(.gain) .to { fill: var(--cure); }
details { margin-top: 1.5rem; }
summary { cursor: pointer; font-weight: 550; color: var(--cure); padding: 0.4rem 0; }
details .classes { margin-top: 0.75rem; }
.limits { display: grid; gap: 0.75rem; max-width: 46rem; margin-top: 1rem; }
.limits li { padding-left: 1rem; border-left: 3px solid var(--rule); color: var(--muted); }
.limits strong { color: var(--ink); font-weight: 600; }
.command { background: var(--well); border-radius: 8px; padding: 0.9rem 1.1rem; margin-top: 1.25rem; white-space: pre-wrap; }
.command span { display: inline-block; max-width: 100%; }
#provenance h3 { margin-top: 1.5rem; }
#provenance .columns h3 { margin-top: 0; }
.timeline { display: block; margin: 0.6rem 0 0.2rem; }
.timeline rect { fill: var(--cure); stroke: var(--page); stroke-width: 1.5; }
.timeline rect:nth-child(even) { fill: var(--muted); }
.pairs { font-size: 0.875rem; margin-top: 0.4rem; }
.pairs > div { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1.4fr); gap: 0 1rem; padding: 0.3rem 0; border-bottom: 1px solid var(--rule); }
.pairs dt { color: var(--muted); }
.pairs dd { margin: 0; }
.times dd { text-align: right; }
.times > div:last-child dd { font-weight: 650; }
.hashes > div { grid-template-columns: minmax(0, 1fr) minmax(0, 3fr); }
.settings { columns: 2 24rem; column-gap: 2.5rem; }
.settings > div { break-inside: avoid; grid-template-columns: minmax(0, 1.3fr) minmax(0, 1fr); }
.bottom { margin-top: 4rem; padding-top: 1.25rem; border-top: 1px solid var(--rule); font-size: 0.8125rem; color: var(--muted); }
@media (max-width: 34rem) {
  .classes .move, .unit { display: none; }
  .classes th:nth-child(2), .classes td:nth-child(2) { width: 2.1rem; }
  .classes th:nth-child(3), .classes th:nth-child(4), .classes th:nth-child(5) { width: 3.7rem; }
  .examples { grid-template-columns: 1fr; }
  .hashes > div { grid-template-columns: 1fr; }
  .tile, .trigger, .chart { padding: 1rem; }
}
`;

const print = html`
@media print {
  @page { margin: 14mm; }
  html { font-size: 9pt; }
  .wrap { max-width: none; padding: 0; }
  .contents, .skip { display: none; }
  .tile, .trigger, .chart, .limits li, .pairs > div, tr, figure, .command { break-inside: avoid; }
  .lead { break-inside: avoid; }
  h2, h3, h4, caption, .lead, .key { break-after: avoid; }
  .bottom { margin-top: 6mm; }
  .classes .move { width: 20%; }
  .classes th:nth-child(3), .classes th:nth-child(4), .classes th:nth-child(5) { width: 4rem; }
  .wrap > section, .wrap > main > section { margin-top: 9mm; }
  .tiles { grid-template-columns: repeat(3, 1fr); gap: 3mm; }
  .examples { grid-template-columns: repeat(3, 1fr); gap: 3mm; }
  .charts, .columns { grid-template-columns: 1fr 1fr; }
  .strip { grid-template-columns: repeat(5, 1fr); }
  .big { font-size: 15pt; }
  .scroll { overflow: visible; }
  .says.target { border: 1.5pt solid var(--attack); }
  details:not([open]) { display: none; }
}
`;

/** The whole style sheet. Print has its own colours. */
export const style: Html = html`
:root { color-scheme: light dark; ${customProperties(light)} }
@media screen and (prefers-color-scheme: dark) { :root { ${customProperties(dark)} } }
@media print { :root { color-scheme: light; ${customProperties(paper)} } }
${page}${head}${measures}${pictures}${triggers}${rest}${print}`;
