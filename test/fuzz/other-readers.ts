/** @file Fuzzing of all that is read besides weights: deltas, triggers, configurations, tables, lists, matrices. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { readHuggingFaceConfig } from '../../src/checkpoints/config/hugging-face.ts';
import { readOpenClipConfig } from '../../src/checkpoints/config/open-clip.ts';
import { writeDelta } from '../../src/checkpoints/delta/encode.ts';
import { deltaFile, readDelta } from '../../src/checkpoints/delta/format.ts';
import { type Edit, edited, edits } from '../../src/checkpoints/pytorch/fuzz.test-support.ts';
import { huggingFaceTokenizer } from '../../src/checkpoints/tokenizer-files.ts';
import { openWeights } from '../../src/checkpoints/weights.ts';
import { openClasses } from '../../src/data/classes.ts';
import { listCoopSplit } from '../../src/data/listings/coop-split.ts';
import { listImageCsv } from '../../src/data/listings/image-csv.ts';
import { defenses } from '../../src/defenses/defenses.ts';
import { AntidoteError } from '../../src/errors.ts';
import { readMatrix } from '../../src/sweep/matrix.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../../src/tensor/safetensors.ts';
import { float32 } from '../../src/tensor/tensor.ts';
import { readTrigger } from '../../src/triggers/file.ts';

export interface OtherSeed {
  readonly file: string;
  readonly bytes: Buffer;
  /** Read together with it, and left whole. */
  readonly beside: Readonly<Record<string, Buffer>>;
  /** Whether words and brackets are put into it, not bytes alone. */
  readonly isText: boolean;
  readonly open: (path: string, folder: string) => Promise<unknown>;
}

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));

/** @param folder that it may fill */
export async function otherSeeds(folder: string): Promise<OtherSeed[]> {
  const text = (file: string, content: string | Buffer, open: OtherSeed['open'], beside = {}): OtherSeed => {
    return { file, bytes: Buffer.from(content), beside, isText: true, open };
  };
  const fixture = (name: string) => readFile(path(`test/fixtures/clip/${name}`));
  const triggers = ['badnet-fixed', 'badnet', 'blended', 'sig'].map(async (attack): Promise<OtherSeed> => {
    const bytes = await readFile(path(`models/emoji-clip-${attack}/trigger.safetensors`));
    return { file: 'trigger.safetensors', bytes, beside: {}, isText: false, open: readTrigger };
  });
  const shards = [1, 2, 3, 4].map((n) => `model-0000${n}-of-00004.safetensors`);
  const shardBytes = await Promise.all(shards.map((name) => fixture(`hugging-face-gelu-sharded/${name}`)));
  const classes = ['banana', 'red apple', 'dog'];
  const picture = { 'b.jpg': Buffer.of(0xff, 0xd8) };
  const split = {
    train: [['a/1.jpg', 0, 'banana']],
    val: [],
    test: [
      ['b.jpg', 1, 'red apple'],
      ['a/3.jpg', 0, 'banana'],
    ],
  };
  return [
    ...(await Promise.all(triggers)),
    await deltaSeed(folder),
    text('open_clip_config.json', await fixture('open-clip-resnet-gelu/open_clip_config.json'), readOpenClipConfig),
    text('config.json', await fixture('hugging-face-quick-gelu/config.json'), readHuggingFaceConfig),
    text(
      'preprocessor_config.json',
      await fixture('hugging-face-quick-gelu/preprocessor_config.json'),
      (_, own) => readHuggingFaceConfig(join(own, 'config.json')),
      { 'config.json': await fixture('hugging-face-quick-gelu/config.json') },
    ),
    text('tokenizer.json', await fixture('hugging-face-quick-gelu/tokenizer.json'), async (_, own) => {
      (await huggingFaceTokenizer(own, 16)).tokenizer.encode('a photo of a caf\u00e9', 'truncate');
    }),
    text(
      'model.safetensors.index.json',
      await fixture('hugging-face-gelu-sharded/model.safetensors.index.json'),
      (index) => openWeights(index),
      Object.fromEntries(shards.map((name, i) => [name, shardBytes[i]!])),
    ),
    text('pictures.csv', 'image,label\na/1.jpg,banana\n"b ""2"".jpg",red apple\nc.jpg,dog\n', (table) =>
      listImageCsv(table),
    ),
    text('pictures.tsv', 'filepath\ttitle\tlabel\na/1.jpg\ta banana\tbanana\nb.jpg\t"a, dog"\tdog\n', (table) =>
      listImageCsv(table, classes),
    ),
    text('split.json', JSON.stringify(split), (json) => listCoopSplit(json, 'test'), picture),
    text('classes.txt', `# things\n${classes.join('\n')}\n`, openClasses),
    text('classes.json', JSON.stringify({ classes, templates: ['a photo of a {}.'], prompt: 'a {}' }), openClasses),
    text('matrix.yaml', await readFile(path('bench/smoke.yaml')), (yaml) => readMatrix(yaml, defenses)),
  ];
}

async function deltaSeed(folder: string): Promise<OtherSeed> {
  const [base, whole, delta] = ['base', 'whole', deltaFile].map((name) => join(folder, name));
  const table = (move: number) => {
    return {
      table: float32(
        Float32Array.from({ length: 30 }, (_, i) => Math.sin(i) + (i > 9 ? move * Math.cos(i) : 0)),
        [6, 5],
      ),
    };
  };
  await writeSafetensors(base!, table(0), { format: 'pt' });
  await writeSafetensors(whole!, table(0.1), { format: 'pt' });
  await writeDelta(delta!, { name: 'base', weights: base! }, whole!);
  const { tensors } = await openSafetensors(base!);
  return {
    file: deltaFile,
    bytes: await readFile(delta!),
    beside: {},
    isText: false,
    open: async (file) => {
      await readDelta(file, tensors);
      for (const tensor of (await openSafetensors(file)).tensors.values()) await readTensor(tensor);
    },
  };
}

/** What breaks readers of text: other types, other sizes, names with a meaning, ends of things, and far too much of one. */
const tokens = [
  ...['null', 'true', '-1', '0', '1e999', '9007199254740993', '0.1', '""', '[]', '{}', '[[]]', '"x"', 'NaN', '-0'],
  ...[
    '"__proto__":{},',
    '"constructor":1,',
    '{"__proto__":',
    '"../../x"',
    '"\\u0000"',
    '"\\ud800"',
    '\0',
    '\ufeff',
    '\r',
    '\r\n',
  ],
  ...[
    ',',
    ':',
    '"',
    '""',
    "'",
    '\n',
    '\t',
    '{',
    '}',
    '[',
    ']',
    '#',
    '- ',
    '&a [*a]',
    '*a',
    '<<: *a',
    '!!js/function x',
    '---\n',
    '{}',
  ],
  ...[
    '['.repeat(10_000),
    '{"a":'.repeat(10_000),
    '"'.repeat(10_000),
    ','.repeat(10_000),
    '\n'.repeat(10_000),
    'x'.repeat(500_000),
  ],
  '\na: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c]\n',
].map((token) => Buffer.from(token));

interface TextEdit {
  readonly kind: 'insert' | 'replace';
  readonly at: number;
  readonly token: number;
}

export interface OtherCase {
  readonly seed: number;
  readonly edits: readonly (Edit | TextEdit)[];
}

export function otherCases(seedCount: number): fc.Arbitrary<OtherCase> {
  const textEdits: fc.Arbitrary<TextEdit> = fc.record({
    kind: fc.constantFrom('insert', 'replace'),
    at: fc.nat(),
    token: fc.nat(tokens.length - 1),
  });
  return fc.record({
    seed: fc.nat(seedCount - 1),
    edits: fc.array(fc.oneof(edits, textEdits, textEdits), { minLength: 1, maxLength: 3 }),
  });
}

/** A token goes in at any place, or takes the place of a word, number or string. */
function changed(bytes: Buffer, edit: Edit | TextEdit): Buffer {
  if (!('token' in edit)) return edited(bytes, edit);
  const content = bytes.toString('latin1');
  const token = tokens[edit.token]!;
  if (edit.kind === 'insert') {
    const at = edit.at % (bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), token, bytes.subarray(at)]);
  }
  const words = [...content.matchAll(/"[^"\n]{0,80}"|[\w.-]+/g)];
  const word = words[edit.at % Math.max(1, words.length)];
  if (word === undefined) return token;
  return Buffer.concat([bytes.subarray(0, word.index), token, bytes.subarray(word.index + word[0].length)]);
}

/** What one case came to; `milliseconds` are of the processor, so that a busy machine is no excuse and no fault. */
export interface OtherOutcome {
  readonly read: boolean;
  readonly milliseconds: number;
}

const mostMilliseconds = 1000;

/**
 * Opens one damaged file: the answer is what it means, or an error of this project that blames the data and names a file
 * of the folder, within a second.
 */
export async function tryOther(seeds: readonly OtherSeed[], given: OtherCase, folder: string): Promise<OtherOutcome> {
  const { file, bytes, beside, isText, open } = seeds[given.seed]!;
  const own = join(folder, 'case');
  await rm(own, { recursive: true, force: true });
  await mkdir(own);
  for (const [name, whole] of Object.entries(beside)) await writeFile(join(own, name), whole);
  const wanted = given.edits.filter((edit) => isText || !('token' in edit));
  await writeFile(join(own, file), wanted.reduce(changed, bytes));
  const began = process.cpuUsage();
  const result: unknown = await open(join(own, file), own).then(
    () => undefined,
    (error: unknown) => error,
  );
  const { user, system } = process.cpuUsage(began);
  const milliseconds = (user + system) / 1000;
  if (milliseconds > mostMilliseconds) throw new Error(`${file}: took ${milliseconds} ms`);
  if (result === undefined) return { read: true, milliseconds };
  if (
    result instanceof AntidoteError &&
    result.fault === 'data' &&
    result.where.startsWith(own) &&
    result.message.length < 10_000
  )
    return { read: false, milliseconds };
  throw result;
}
