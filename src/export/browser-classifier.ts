/** @file A classifier from an exported folder, in a browser: files are fetched, pictures decoded by the browser. */
import { kindNames } from '../clip/pictures/picture-kind.ts';
import { badData } from '../errors.ts';
import { decodeInBrowser } from './browser-decode.ts';
import { type ExportManifest, exportFile, parseManifest } from './manifest.ts';
import { modelFilesIn, onnxData, onnxDataInModel, onnxModel } from './onnx-files.ts';
import { type ExportedClassifier, type PixelModel, pixelClassifier } from './pixel-classifier.ts';

/** The used part of onnxruntime-web: the module itself fits, `import * as ort from 'onnxruntime-web'`. */
export interface OnnxRuntimeWeb {
  readonly InferenceSession: {
    create(model: Uint8Array, options: Readonly<Record<string, unknown>>): Promise<WebSession>;
  };
  // The types of onnxruntime-web's constructors are wider than these.
  readonly Tensor: new (
    type: 'float32',
    data: Float32Array,
    dims: readonly number[],
  ) => unknown;
}

interface WebSession {
  // biome-ignore lint/suspicious/noExplicitAny: onnxruntime-web's own type of feeds, which is not imported
  run(feeds: any): Promise<Readonly<Record<string, { readonly data: unknown }>>>;
  release(): Promise<void>;
}

export interface BrowserOptions {
  /** onnxruntime-web, as the page loads it: from its bundler, its own server or a CDN. */
  readonly runtime: OnnxRuntimeWeb;
  /** Passed on to `InferenceSession.create`: `{ executionProviders: ['webgpu'] }`, for example. */
  readonly session?: Readonly<Record<string, unknown>>;
  /** Called while files arrive, with the bytes of the model so far and in all. */
  readonly progress?: (loaded: number, total: number) => void;
}

/** A picture file: a `File` or `Blob`, or the address of one. */
export type BrowserImage = Blob | string | URL;

/**
 * Opens a folder of `antidote export RUN --format onnx` from a server. The hash of each file is compared with the
 * manifest's where the page may compute one (https, or localhost).
 *
 * @param folder its address, absolute or relative to the page
 */
export async function createClassifier(
  folder: string | URL,
  { runtime, session: sessionOptions = {}, progress }: BrowserOptions,
): Promise<ExportedClassifier<BrowserImage>> {
  const base = folderAddress(folder);
  const manifestAddress = new URL(exportFile, base).href;
  const manifest = parseManifest(manifestAddress, await (await fetched(manifestAddress, ofExport)).text());
  const files = await fetchModel(base, manifest, progress);
  const data = files.get(onnxData);
  const session = await runtime.InferenceSession.create(files.get(onnxModel)!, {
    ...sessionOptions,
    ...(data && { externalData: [{ path: onnxDataInModel, data }] }),
  });
  const model: PixelModel = {
    async run(pixels, shape) {
      const { logits } = await session.run({ pixel_values: new runtime.Tensor('float32', pixels, shape) });
      return logits!.data as Float32Array;
    },
    release: () => session.release(),
  };
  return pixelClassifier(manifest, model, async (image: BrowserImage) =>
    decodeInBrowser(
      image instanceof Blob ? image : await (await fetched(addressOf(image), kindNames)).blob(),
      nameOf(image),
    ),
  );
}

async function fetchModel(
  base: URL,
  manifest: ExportManifest,
  progress: BrowserOptions['progress'],
): Promise<ReadonlyMap<string, Uint8Array<ArrayBuffer>>> {
  const wanted = modelFilesIn(base.href, manifest);
  const total = wanted.reduce((sum, { bytes }) => sum + bytes, 0);
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  let loaded = 0;
  for (const { path, bytes, sha256 } of wanted) {
    const address = new URL(path, base).href;
    const file = await received(await fetched(address, ofExport), address, bytes, (more) =>
      progress?.(loaded + more, total),
    );
    await checkHash(address, file, sha256);
    files.set(path, file);
    loaded += bytes;
  }
  return files;
}

/** The whole body, which must have the manifest's length: a longer one is refused at that length. */
async function received(
  response: Response,
  address: string,
  bytes: number,
  progress: (done: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const file = new Uint8Array(bytes);
  let done = 0;
  const expected = `${bytes}, as ${exportFile} says`;
  for (const reader = response.body!.getReader(); ; ) {
    const { value } = await reader.read();
    if (!value) break;
    if (done + value.length > bytes) {
      await reader.cancel();
      throw badData(address, `more than ${bytes} bytes`, expected);
    }
    file.set(value, done);
    done += value.length;
    progress(done);
  }
  if (done !== bytes) throw badData(address, `${done} bytes`, expected);
  return file;
}

async function checkHash(address: string, file: Uint8Array<ArrayBuffer>, sha256: string): Promise<void> {
  // Browsers offer no cryptography to pages without https; there only the file's length is compared.
  if (!globalThis.crypto?.subtle) return;
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', file));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (found !== sha256) throw badData(address, `SHA-256 ${found}`, `${sha256}, as ${exportFile} says`);
}

const ofExport = 'a file of an exported folder';

async function fetched(address: string, expected: string): Promise<Response> {
  const response = await fetch(address).catch((cause: unknown) => {
    const advice = 'does its server run, and does it let pages of other sites read its files (CORS)?';
    throw badData(address, 'no answer', expected, { advice, cause });
  });
  if (response.ok) return response;
  throw badData(address, `HTTP status ${response.status}`, expected);
}

/** A folder's address needs a slash at its end: `new URL` replaces the last part otherwise. */
function folderAddress(folder: string | URL): URL {
  const address = new URL(addressOf(folder));
  if (!address.pathname.endsWith('/')) address.pathname += '/';
  return address;
}

function addressOf(address: string | URL): string {
  const { document } = globalThis as { document?: { readonly baseURI: string } };
  const { location } = globalThis as { location?: { readonly href: string } };
  return new URL(address, document?.baseURI ?? location?.href).href;
}

function nameOf(image: BrowserImage): string {
  if (!(image instanceof Blob)) return String(image);
  return image instanceof File ? image.name : 'picture';
}
