/** @file Markup without injection: a tagged template that escapes every value. */

const markup = Symbol('markup');

/** Markup from `html`. The symbol is private, so strings and parsed JSON cannot have this type. */
export interface Html {
  readonly [markup]: string;
}

/** A value for `${}`. `null`, `undefined` and `false` become the empty string; lists are joined. */
export type Part = Html | string | number | null | undefined | false | readonly Part[];

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Characters that are not text: controls, and the bidirectional embeddings, overrides and isolates with which a class name
 * could reverse the words beside it. They are shown by code point. The joiners of emoji stay.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the pattern matches control characters
const unprintable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g;

function escaped(text: string): string {
  return text
    .replace(unprintable, (found) => `\u27e8U+${found.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}\u27e9`)
    .replace(/[&<>"']/g, (found) => entities[found]!);
}

function rendered(part: Part): string {
  if (part === null || part === undefined || part === false) return '';
  if (typeof part === 'string') return escaped(part);
  if (typeof part === 'number') return String(part);
  return markup in part ? part[markup] : part.map(rendered).join('');
}

/**
 * Template tag for HTML and inline SVG. Every value is escaped and safe as text and inside a *quoted* attribute (always
 * write the quotes); only the results of `html` itself are inserted unchanged.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { [markup]: strings.map((string, at) => string + (at < parts.length ? rendered(parts[at]) : '')).join('') };
}

/** The markup as text. */
export function toText(page: Html): string {
  return page[markup];
}
