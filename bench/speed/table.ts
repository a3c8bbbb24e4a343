/** @file The table on the terminal: ours, peer, ratio, bar, reached or missed. */
import type { Bar, Row } from './figure.ts';

const widths = { what: 62, number: 18, ratio: 8, bar: 10 };

export const heading = [
  ''.padEnd(widths.what),
  'ours'.padStart(widths.number),
  'peer'.padStart(widths.number),
  'ratio'.padStart(widths.ratio),
  'bar'.padStart(widths.bar),
].join('');

/** One figure; what else there is to say of it stands below, set in. */
export function tableLine({ what, unit, ours, peer, ratio, bar, reached, note }: Row): string {
  const number = (value: number | undefined) => (value === undefined ? '-' : `${short(value)} ${unit}`);
  const verdict = reached === null ? '' : reached ? '  reached' : '  MISSED';
  const line = [
    what.padEnd(widths.what),
    number(ours).padStart(widths.number),
    number(peer?.value).padStart(widths.number),
    (ratio === null ? '-' : ratio.toFixed(2)).padStart(widths.ratio),
    showBar(bar).padStart(widths.bar),
    verdict,
  ].join('');
  const below = [peer && `peer: ${peer.name}`, note].filter(Boolean).join('; ');
  return below ? `${line}\n    ${below}` : line;
}

function showBar(bar: Bar | null): string {
  if (!bar) return 'none';
  return bar.of === 'ratio' ? `>= ${bar.atLeast}` : `<= ${bar.atMost}`;
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
