/** @file Text cleaning before the split into words: as in open_clip, and as in transformers. */

/** HTML's named characters: `amp;`, `eacute`, ... without the ampersand, with the semicolon where the name has one. */
export type HtmlEntities = ReadonlyMap<string, string>;

/**
 * As in open_clip and OpenAI's CLIP: ftfy, HTML characters, white space, lower case.
 * All of ftfy 6 except the repair of mis-decoded bytes ("mojibake"), which no class name needs.
 */
export function cleanLikeOpenClip(entities: HtmlEntities): (text: string) => string {
  return (text) => {
    const fixed = fixText(text, entities);
    const plain = unescapeHtml(unescapeHtml(fixed, entities), entities);
    return plain
      .replaceAll(/\p{White_Space}+/gu, ' ')
      .trim()
      .toLowerCase();
  };
}

/** As in the tokenizers of transformers: composed characters, white space, lower case character by character. */
export function cleanLikeTransformers(text: string): string {
  const spaced = text.normalize('NFC').replaceAll(/\p{White_Space}+/gu, ' ');
  return Array.from(spaced, (character) => character.toLowerCase()).join('');
}

/** Typographic ligatures and digraphs that ftfy takes apart (`LIGATURES` in its `chardata.py`). */
const ligatures: Readonly<Record<string, string>> = {
  Ĳ: 'IJ',
  ĳ: 'ij',
  ŉ: 'ʼn',
  Ǳ: 'DZ',
  ǲ: 'Dz',
  ǳ: 'dz',
  Ǆ: 'DŽ',
  ǅ: 'Dž',
  ǆ: 'dž',
  Ǉ: 'LJ',
  ǈ: 'Lj',
  ǉ: 'lj',
  Ǌ: 'NJ',
  ǋ: 'Nj',
  ǌ: 'nj',
  ﬀ: 'ff',
  ﬁ: 'fi',
  ﬂ: 'fl',
  ﬃ: 'ffi',
  ﬄ: 'ffl',
  ﬅ: 'ſt',
  ﬆ: 'st',
};

const steps: readonly (readonly [what: RegExp, by: (found: string) => string])[] = [
  // C1 controls that were meant as Windows-1252.
  [/[\x80-\x9f]/g, fromWindows1252],
  [/[ĲĳŉǱ-ǳǄ-ǌﬀ-ﬆ]/g, (found) => ligatures[found] ?? found],
  [/[\u3000\uff01-\uffef]/g, (found) => found.normalize('NFKC')],
  [/[\u02bc\u2018-\u201b]/g, () => "'"],
  [/[\u201c-\u201f]/g, () => '"'],
  // Terminal colours, then invisible controls, byte order marks among them.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  [/\x1b\[[\d;]*[a-zA-Z]/g, () => ''],
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  [/[\x00-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]/g, () => ''],
];

/** ftfy's steps over each line, repeated until nothing changes; entities only where there are no tags. */
function fixText(text: string, entities: HtmlEntities): string {
  let tagged = false;
  return text
    .split(/(?<=\n)/)
    .map((line) => {
      tagged ||= line.includes('<');
      return fixLine(line, tagged ? undefined : entities);
    })
    .join('');
}

function fixLine(line: string, entities: HtmlEntities | undefined): string {
  let before: string;
  let after = line;
  do {
    before = after;
    if (entities) after = unescapeWhole(after, entities);
    for (const [what, by] of steps) after = after.replaceAll(what, by);
    after = after.normalize('NFC');
  } while (after !== before);
  return after;
}

/** Only references that end in a semicolon, and none that is ambiguous without one. */
function unescapeWhole(text: string, entities: HtmlEntities): string {
  return text.replaceAll(/&#?[0-9A-Za-z]{1,24};/g, (reference) => {
    const plain = unescapeHtml(reference, entities);
    if (reference.startsWith('&#')) return plain.includes(';') ? reference : plain;
    const name = reference.slice(1);
    if (entities.has(name)) return plain;
    // Names in capitals that HTML does not have stand for the capital letter: &EACUTE; of a shouted caption.
    const small = name.toLowerCase();
    const character = plain === reference && name === small.toUpperCase() ? entities.get(small) : undefined;
    return character?.toUpperCase() ?? reference;
  });
}

/** Python's `html.unescape`, which follows HTML 5: names may lack their semicolon, the longest one counts. */
function unescapeHtml(text: string, entities: HtmlEntities): string {
  return text.replaceAll(/&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\f <&#;]{1,32};?)/g, (whole, reference: string) => {
    if (reference.startsWith('#')) {
      const hex = /^#[xX]/.test(reference);
      return numbered(Number.parseInt(reference.slice(hex ? 2 : 1), hex ? 16 : 10));
    }
    for (let length = reference.length; length > 1; length--) {
      const character = entities.get(reference.slice(0, length));
      if (character !== undefined) return character + reference.slice(length);
    }
    return whole;
  });
}

/** The character of that number; as in HTML, C1 controls are read as Windows-1252 and non-characters are dropped. */
function numbered(code: number): string {
  if (code === 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return '\ufffd';
  if (code >= 0x80 && code <= 0x9f) return fromWindows1252(String.fromCodePoint(code));
  const isSpace = code === 0x09 || code === 0x0a || code === 0x0c || code === 0x0d;
  const isNone = (code >= 0xfdd0 && code <= 0xfdef) || (code & 0xfffe) === 0xfffe;
  return (code < 0x20 && !isSpace) || code === 0x7f || isNone ? '' : String.fromCodePoint(code);
}

/** Windows-1252 from 0x80 on; five codes have no character. (Node 20's `TextDecoder` reads it as Latin-1.) */
const windows1252 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

function fromWindows1252(character: string): string {
  return windows1252.charAt(character.charCodeAt(0) - 0x80);
}
