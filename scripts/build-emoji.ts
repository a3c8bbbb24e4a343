/** @file Renders the emoji designs of the installed icon sets into data/emoji/: one sprite sheet a design, classes, licences. */

import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import sharp from 'sharp';
import { cellSide, designs, type EmojiClass, sheetColumns, testDesign } from '../src/data/emoji/format.ts';

/** A class needs this many designs, so that it is learned from several hands and tested on another. */
const leastDesigns = 5;
/** Two pictures of one design whose premultiplied values differ by less than this on average (of 255) are one picture. */
const sameBelow = 0.75;

/** Icons whose name or drawing misleads: other motifs under an emoji's shortcode, and one that renders as a black block. */
const misleading = new Set(['wave', 'bow', 'pout', 'couple', 'up', 'tramcar'].map((name) => `fxemoji/${name}`));

const folder = new URL('../data/emoji/', import.meta.url);
const packages = new URL('../node_modules/', import.meta.url);
const require = createRequire(import.meta.url);
const pixels = cellSide * cellSide;

interface Icon {
  readonly body: string;
  readonly left?: number;
  readonly top?: number;
  readonly width?: number;
  readonly height?: number;
}
interface IconSet {
  readonly icons: Record<string, Icon>;
  readonly aliases?: Record<string, { parent: string; hFlip?: boolean; vFlip?: boolean; rotate?: number }>;
  readonly width: number;
  readonly height: number;
}
interface Emoji {
  readonly label: string;
  readonly hexcode: string;
  readonly tags?: readonly string[];
  readonly emoji: string;
  readonly group?: number;
  readonly subgroup: number;
}
interface Source {
  readonly design: string;
  readonly set: IconSet;
  /** Code points to icon name; empty for half of the sets. */
  readonly chars: Record<string, string>;
  readonly info: {
    name: string;
    version?: string;
    author: { name: string; url: string };
    license: { title: string; spdx: string; url: string };
  };
  readonly packageVersion: string;
}
interface Candidate {
  readonly emoji: Emoji;
  readonly label: string;
  readonly pictures: Map<string, Uint8Array[]>;
}

const slug = (text: string) =>
  text
    .toLowerCase()
    .normalize('NFKD')
    .replace(/[\u0300-\u036f’']/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

const squashed = (text: string) => slug(text).replaceAll('-', '');

function loadSource(design: string): Source {
  const part = (file: string) => require(`@iconify-json/${design}/${file}`);
  return {
    design,
    set: part('icons.json'),
    chars: part('chars.json'),
    info: part('info.json'),
    packageVersion: part('package.json').version,
  };
}

/** Names under which the sets may know an emoji, best first. */
function namesOf(emoji: Emoji, sources: readonly Source[]): string[] {
  const unicodeNames = require('emojibase-data/meta/unicode-names.json') as Record<string, string>;
  const fromCodePoints = sources.flatMap((source) => codePointKeys(emoji).flatMap((key) => source.chars[key] ?? []));
  const unicodeName = unicodeNames[emoji.hexcode.replace(/-FE0F/g, '')];
  return [...new Set([slug(emoji.label), ...fromCodePoints, ...(unicodeName ? [slug(unicodeName)] : [])])];
}

function codePointKeys(emoji: Emoji): string[] {
  const hex = emoji.hexcode.toLowerCase();
  return [hex, hex.replaceAll('-fe0f', '')];
}

/** FxEmoji writes names without separators, partly by shortcodes; Streamline numbers its versions of one motif. */
function iconNames(source: Source, emoji: Emoji, names: readonly string[], shortcodes: readonly string[]): string[] {
  const { icons, aliases = {} } = source.set;
  const known = (name: string) => (name in icons || name in aliases) && !misleading.has(`${source.design}/${name}`);
  const exact = [...codePointKeys(emoji).map((key) => source.chars[key] ?? ''), ...names].find(known);
  if (exact !== undefined) return [exact];
  switch (source.design) {
    case 'fxemoji': {
      const found = [...names, ...shortcodes].map(squashed).find(known);
      return found === undefined ? [] : [found];
    }
    case 'streamline-emojis':
      return (
        names.map((name) => [1, 2, 3, 4, 5].map((n) => `${name}-${n}`).filter(known)).find((list) => list.length) ?? []
      );
    default:
      return [];
  }
}

function svgOf(set: IconSet, name: string): string {
  const alias = set.aliases?.[name];
  const icon = set.icons[alias?.parent ?? name];
  if (!icon) throw new Error(`alias ${name} of an alias`);
  const { left = 0, top = 0, width = set.width, height = set.height } = icon;
  if (alias?.rotate || alias?.vFlip) throw new Error(`${name}: turned aliases are not drawn`);
  const body = alias?.hFlip
    ? `<g transform="translate(${2 * left + width} 0) scale(-1 1)">${icon.body}</g>`
    : icon.body;
  return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${cellSide}" height="${cellSide}" viewBox="${left} ${top} ${width} ${height}">${body}</svg>`;
}

/** Straight RGBA, or undefined for a picture that shows nothing: too few opaque pixels, or no shape and no shade. */
async function render(svg: string): Promise<Uint8Array | undefined> {
  const rgba = await sharp(Buffer.from(svg))
    .resize(cellSide, cellSide, { fit: 'contain', background: { r: 0, g: 0, b: 0, alpha: 0 } })
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer();
  if (rgba.length !== pixels * 4) throw new Error(`rendered to ${rgba.length} bytes`);
  const picture = new Uint8Array(rgba);
  let opaque = 0;
  const lowest = [255, 255, 255];
  const highest = [0, 0, 0];
  for (let p = 0; p < pixels * 4; p += 4) {
    const alpha = picture[p + 3]!;
    if (alpha === 0) picture.fill(0, p, p + 3);
    if (alpha < 128) continue;
    opaque++;
    for (let c = 0; c < 3; c++) {
      lowest[c] = Math.min(lowest[c]!, picture[p + c]!);
      highest[c] = Math.max(highest[c]!, picture[p + c]!);
    }
  }
  const oneColour = [0, 1, 2].every((c) => highest[c]! - lowest[c]! < 8);
  const empty = opaque < pixels * 0.01;
  const filled = oneColour && opaque > pixels * 0.97;
  return empty || filled ? undefined : picture;
}

function premultiplied(picture: Uint8Array): Float32Array {
  const out = new Float32Array(pixels * 4);
  for (let p = 0; p < out.length; p += 4) {
    const alpha = picture[p + 3]!;
    for (let c = 0; c < 3; c++) out[p + c] = (picture[p + c]! * alpha) / 255;
    out[p + 3] = alpha;
  }
  return out;
}

/** Means over 8x8 blocks. Their mean difference never exceeds that of the pixels, so it rules pairs out cheaply. */
function blockMeans(values: Float32Array): Float32Array {
  const side = cellSide / 8;
  const out = new Float32Array(side * side * 4);
  for (let y = 0; y < cellSide; y++)
    for (let x = 0; x < cellSide; x++)
      for (let c = 0; c < 4; c++)
        out[((y >> 3) * side + (x >> 3)) * 4 + c]! += values[(y * cellSide + x) * 4 + c]! / 64;
  return out;
}

function meanDifference(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += Math.abs(a[i]! - b[i]!);
  return sum / a.length;
}

const groups = require('emojibase-data/meta/groups.json') as {
  groups: Record<string, string>;
  subgroups: Record<string, string>;
};

/** Plain words: no punctuation, no typographic signs. */
function plainLabel(label: string): string {
  return label
    .replace('#', 'number sign')
    .replace('*', 'asterisk')
    .replace('’', "'")
    .replace(/[:,!()“”]/g, '')
    .replace(/\s+/g, ' ')
    .trim();
}

/** A mirrored letter, arrow, clock or moon is another thing or none; a mirrored cat is a cat. */
function isMirrorable(emoji: Emoji): boolean {
  const group = groups.groups[String(emoji.group)];
  const subgroup = groups.subgroups[String(emoji.subgroup)];
  if (group === 'symbols' || group === 'flags' || subgroup === 'time') return false;
  return !/\b(left|right|leftwards|rightwards|moon|clock|chart|musical|calendar|input|key|hundred|ZZZ)\b/i.test(
    emoji.label,
  );
}

async function collect(sources: readonly Source[]): Promise<Candidate[]> {
  const shortcodeSets = ['github', 'iamcal', 'emojibase-legacy', 'joypixels'].map(
    (name) => require(`emojibase-data/en/shortcodes/${name}.json`) as Record<string, string | string[]>,
  );
  const emojis = (require('emojibase-data/en/data.json') as Emoji[]).filter(
    (emoji) => emoji.group !== undefined && groups.groups[String(emoji.group)] !== 'component',
  );
  const taken = new Set<string>();
  const candidates: Candidate[] = [];
  // Names of the standard come first, so that no shortcode takes an icon away from the emoji that it is named after.
  const firstChoice = new Set(emojis.flatMap((emoji) => namesOf(emoji, sources).map(squashed)));
  for (const emoji of emojis) {
    const names = namesOf(emoji, sources);
    const own = new Set(names.map(squashed));
    const shortcodes = shortcodeSets
      .flatMap((set) => set[emoji.hexcode] ?? [])
      .filter((code) => own.has(squashed(code)) || !firstChoice.has(squashed(code)));
    const pictures = new Map<string, Uint8Array[]>();
    for (const source of sources) {
      for (const name of iconNames(source, emoji, names, shortcodes)) {
        if (taken.has(`${source.design}/${name}`)) continue;
        taken.add(`${source.design}/${name}`);
        const picture = await render(svgOf(source.set, name));
        if (picture) pictures.set(source.design, [...(pictures.get(source.design) ?? []), picture]);
        else console.log(`left out: ${source.design}/${name} shows nothing`);
      }
    }
    candidates.push({ emoji, label: plainLabel(emoji.label), pictures });
  }
  return candidates;
}

const isLearnable = ({ pictures }: Candidate) => pictures.size >= leastDesigns && pictures.has(testDesign);

/** Takes away each picture that an earlier class of the same design already shows: it would carry two labels. */
function dropRepeated(candidates: readonly Candidate[], design: string): number {
  const kept: { values: Float32Array; blocks: Float32Array; candidate: Candidate }[] = [];
  let dropped = 0;
  for (const candidate of candidates) {
    const own = (candidate.pictures.get(design) ?? []).filter((picture) => {
      const values = premultiplied(picture);
      const blocks = blockMeans(values);
      const twin = kept.find(
        (other) => meanDifference(blocks, other.blocks) < sameBelow && meanDifference(values, other.values) < sameBelow,
      );
      if (twin) {
        dropped++;
        console.log(`left out: ${design} draws ${candidate.label} as ${twin.candidate.label}`);
        return false;
      }
      kept.push({ values, blocks, candidate });
      return true;
    });
    if (own.length > 0) candidate.pictures.set(design, own);
    else candidate.pictures.delete(design);
  }
  return dropped;
}

async function writeSheet(design: string, pictures: readonly Uint8Array[]): Promise<number> {
  const rows = Math.ceil(pictures.length / sheetColumns);
  const width = sheetColumns * cellSide;
  const sheet = new Uint8Array(rows * cellSide * width * 4);
  pictures.forEach((picture, cell) => {
    const x = (cell % sheetColumns) * cellSide;
    const y = Math.floor(cell / sheetColumns) * cellSide;
    for (let row = 0; row < cellSide; row++)
      sheet.set(picture.subarray(row * cellSide * 4, (row + 1) * cellSide * 4), ((y + row) * width + x) * 4);
  });
  const bytes = await sharp(sheet, { raw: { width, height: rows * cellSide, channels: 4 } })
    .webp({ lossless: true, effort: 6 })
    .toBuffer();
  await writeFile(new URL(`${design}.webp`, folder), bytes);
  return bytes.length;
}

function licences(sources: readonly Source[], emojibaseLicence: string): string {
  const rows = sources.map(({ design, info, packageVersion }) => {
    const { author, license } = info;
    return `| ${design}.webp | ${info.name} | [${author.name}](${author.url}) | [${license.title}](${license.url}) | @iconify-json/${design} ${packageVersion} |`;
  });
  return [
    '# Licences of the emoji pictures',
    '',
    'Each sprite sheet holds pictures of one icon set, drawn at 64 pixels and otherwise unchanged.',
    '',
    '| sheet | set | author | licence | package |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    'Class names, keywords and groups (`classes.json`): [emojibase-data](https://github.com/milesj/emojibase) by Miles Johnson, MIT.',
    '',
    'The text of the Apache License 2.0 is in `APACHE-2.0.txt`. The MIT License, for the Fluent sets with the line',
    '"Copyright (c) Microsoft Corporation" and for emojibase-data as follows:',
    '',
    '```',
    emojibaseLicence.trim(),
    '```',
    '',
  ].join('\n');
}

const sources = designs.map(loadSource);
await mkdir(folder, { recursive: true });
const candidates = (await collect(sources)).filter(isLearnable);
console.log(`${candidates.length} emoji in at least ${leastDesigns} designs`);
for (const design of designs) console.log(`${design}: ${dropRepeated(candidates, design)} repeated pictures left out`);
const chosen = candidates.filter(isLearnable);

const labels = new Set(chosen.map(({ label }) => label.toLowerCase()));
if (labels.size !== chosen.length) throw new Error('class names repeat');

const sheets = new Map<string, Uint8Array[]>(designs.map((design) => [design, []]));
const classes = chosen.map(({ emoji, label, pictures }): EmojiClass => {
  const cells = Object.fromEntries(
    [...pictures].map(([design, list]) => [design, list.map((picture) => sheets.get(design)!.push(picture) - 1)]),
  );
  const group = groups.groups[String(emoji.group)]!;
  return { label, tags: emoji.tags ?? [], emoji: emoji.emoji, group, mirrorable: isMirrorable(emoji), cells };
});
for (const [design, pictures] of sheets) {
  const bytes = await writeSheet(design, pictures);
  console.log(`${design}: ${pictures.length} pictures, ${(bytes / 1e6).toFixed(2)} MB`);
}
const lines = classes.map((entry) => JSON.stringify(entry));
await writeFile(new URL('classes.json', folder), `[\n${lines.join(',\n')}\n]\n`);
const emojibaseLicence = await readFile(new URL('emojibase-data/LICENSE', packages), 'utf8');
await writeFile(new URL('LICENCES.md', folder), licences(sources, emojibaseLicence));
// sharp is under the Apache License as well and carries its text.
await copyFile(new URL('sharp/LICENSE', packages), new URL('APACHE-2.0.txt', folder));
console.log(`${classes.length} classes`);
