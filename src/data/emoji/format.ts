/** @file The layout of data/emoji/: the designs, their sprite sheets and the record of a class. */

/** Icon sets, each in one artist's style; their order is that of `emoji:train` and part of its hash. */
export const designs = [
  'noto',
  'noto-v1',
  'fluent-emoji',
  'fluent-emoji-flat',
  'emojione',
  'fxemoji',
  'streamline-emojis',
  'twemoji',
] as const;
export type Design = (typeof designs)[number];

/** Never trained on: accuracy on it is accuracy on another artist's style. */
export const testDesign: Design = 'twemoji';

/** Side of a picture in a sprite sheet, pixels. */
export const cellSide = 64;

/** Cells in a row of a sprite sheet; cell n is at row n / columns, column n % columns. */
export const sheetColumns = 32;

/** One class: an emoji of the Unicode standard, with the words that emojibase knows for it. */
export interface EmojiClass {
  /** Unique name, a few words: "red apple". */
  readonly label: string;
  /** Keywords: "fruit", "red". */
  readonly tags: readonly string[];
  readonly emoji: string;
  /** Unicode's group: "food-drink". */
  readonly group: string;
  /** Whether the mirror image shows the same thing: not for letters, arrows, clocks, moons. */
  readonly mirrorable: boolean;
  /** Cells of its pictures in each design's sheet. */
  readonly cells: Readonly<Partial<Record<Design, readonly number[]>>>;
}
