/** @file Where each inferred fact about an architecture is from: the surest case that applies. */
import type { Origin } from '../../clip/clip.ts';
import type { KnownModel, KnownReading, Shapes } from './known-architectures.ts';

/** OpenAI's code makes as many heads of this width as fit. */
export const headWidth = 64;

/** What is known of a file of weights without a configuration. */
export interface Evidence {
  readonly shapes: Shapes;
  /** The known model with exactly these shapes. */
  readonly model: KnownModel | undefined;
  /** How the file was published, where its hash is known. */
  readonly published: { readonly model: KnownModel; readonly reading: KnownReading } | undefined;
  /** Why the activation is OpenAI's for certain. */
  readonly quickGelu: string | undefined;
  /** Known models that may share the activation; the first is the one that is followed. */
  readonly alike: readonly KnownModel[];
  /** Known models with this image tower and with this text tower. */
  readonly towers: { readonly image: KnownModel | undefined; readonly text: KnownModel | undefined };
}

const known = (note: string): Origin => ({ from: 'known', note });
const assumed = (note: string): Origin => ({ from: 'assumed', note });

const unknown = assumed("OpenAI's; weights do not tell");

export function activationOrigin({ published, quickGelu, alike }: Evidence): Origin {
  if (published) return known(`the file of ${published.model.name} that ${published.reading.by.join(', ')} published`);
  if (quickGelu !== undefined) return known(quickGelu);
  const [model] = alike;
  if (model === undefined) return unknown;
  const [first] = model.readings;
  const agree = alike.every(({ readings }) => readings.every(({ activation }) => activation === first.activation));
  if (agree && first.by.length > 0) return known(`that of all known ${model.name} (${first.by[0]}, ...)`);
  if (agree) return assumed(`that of ${model.name} by its configuration; no weights of it are known`);
  return assumed(`that of ${model.name} by ${first.by[0] ?? 'its configuration'}; others differ`);
}

export function preprocessingOrigin({ published, model }: Evidence): Origin {
  if (published) return known(`that of ${published.model.name} by ${published.reading.by.join(', ')}`);
  if (model === undefined) return unknown;
  const [first, ...others] = model.readings.map(({ preprocessing }) => JSON.stringify(preprocessing));
  if (others.every((other) => other === first)) return known(`that of all known ${model.name}`);
  return assumed(`that of ${model.name} by ${model.readings[0].by[0]}; others differ`);
}

export function headsOrigin({ shapes, towers: { image, text } }: Evidence): Origin {
  if (image && image === text) {
    const others = differences(shapes, image).join(' and ');
    return known(`as in ${image.name}${others && `, but for ${others}`}`);
  }
  const byWidth = `the width over ${headWidth}, rounded down, as in OpenAI's code; weights do not tell`;
  if (!image && !text) return assumed(byWidth);
  const by = (model: KnownModel | undefined) => (model ? `as in ${model.name}` : byWidth);
  const note = `image: ${by(image)}; text: ${by(text)}`;
  return image && text ? known(note) : assumed(note);
}

/** The facts in which two models with the same blocks differ. */
function differences(a: Shapes, b: Shapes): readonly string[] {
  const facts: Readonly<Record<string, (shapes: Shapes) => number>> = {
    resolution: ({ image }) => image.resolution,
    vocabulary: ({ text }) => text.vocabulary,
    context: ({ text }) => text.context,
    embedding: ({ embedding }) => embedding,
  };
  return Object.keys(facts).filter((fact) => facts[fact]!(a) !== facts[fact]!(b));
}
