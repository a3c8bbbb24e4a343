/** @file The kind of a file of weights, from its first bytes: names and extensions are unreliable. */
import { badData } from '../errors.ts';
import { readBytes, withFile } from '../tensor/files/file-bytes.ts';

export type WeightsKind = 'safetensors' | 'pytorch';

interface Signature {
  readonly matches: (head: Buffer) => boolean;
  readonly kind?: WeightsKind;
  /** For unusable files that are often found in place of weights: what they are. */
  readonly found?: string;
  readonly advice?: string;
}

const starts =
  (...bytes: readonly (string | number)[]) =>
  (head: Buffer) =>
    head.indexOf(Buffer.concat(bytes.map((part) => Buffer.from(typeof part === 'string' ? part : [part])))) === 0;

/** In this order: safetensors begin with a length, which can look like any signature; then comes a JSON object. */
const signatures: readonly Signature[] = [
  { kind: 'safetensors', matches: (head) => head[8] === 0x7b },
  // Every zip archive: the reader names what is wrong with an empty or a split one.
  { kind: 'pytorch', matches: starts('PK') },
  // Before PyTorch 1.6: a pickle of its magic number, in protocols 2 to 5, and 0 and 1.
  { kind: 'pytorch', matches: (head) => head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5 },
  { kind: 'pytorch', matches: starts('L119547037146038801333356L') },
  {
    matches: starts('version https://git-lfs'),
    found: 'a pointer of Git LFS in place of the file',
    advice: 'fetch it with "git lfs pull"',
  },
  {
    matches: (head) => /^\s*<(!doctype|html|\?xml)/i.test(head.toString('latin1')),
    found: 'a web page',
    advice: 'the download failed: look at the page, it may say why',
  },
  { matches: starts(0x1f, 0x8b), found: 'a file packed with gzip', advice: 'unpack it first' },
  { matches: starts(0x89, 'HDF'), found: 'an HDF5 file, as Keras writes them' },
  { matches: starts('GGUF'), found: 'a GGUF file' },
  { matches: (head) => head.length === 0, found: 'an empty file' },
];

/** @throws AntidoteError (data) for any other file, naming its kind where that is known */
export async function weightsKind(path: string): Promise<WeightsKind> {
  const expected = 'a safetensors file or a PyTorch checkpoint';
  const head = await withFile(path, expected, (file, size) => readBytes(path, file, 0, Math.min(size, 64)));
  const signature = signatures.find(({ matches }) => matches(head));
  if (signature?.kind) return signature.kind;
  throw badData(path, signature?.found ?? 'a file of an unknown kind', expected, signature?.advice);
}
