/** @file An engine for tests whose programs run in a web page, on onnxruntime-web's WebGPU. Weights come from their files. */
import { mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import type { Page } from 'playwright-core';
import type { Engine, Tensors } from '../src/engine/engine.ts';
import { nextOf, toOnnx } from '../src/graph/onnx.ts';
import { arrays, type DType, type Tensor } from '../src/tensor/tensor.ts';

/** What a server must offer as `/runtime/`. */
export const runtimeFolder = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'));

/** As text: what runs inside the page is not compiled with the project, which knows no types of a browser. */
const pageScript = `(async () => {
  const runtime = await import('/runtime/ort.webgpu.min.mjs');
  runtime.env.wasm.numThreads = 1;
  runtime.env.wasm.wasmPaths = '/runtime/';
  const arrays = { float32: Float32Array, uint8: Uint8Array, int32: Int32Array, int64: BigInt64Array };
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  const text = (data) => {
    let letters = '';
    for (const byte of new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) letters += String.fromCharCode(byte);
    return btoa(letters);
  };
  const sessions = new Map();
  window.engine = {
    async compile(program, files, options) {
      const address = '/programs/' + program + '/';
      sessions.set(program, await runtime.InferenceSession.create(address + 'model.onnx', {
        ...options,
        executionProviders: ['webgpu'],
        externalData: files.map((path) => ({ path, data: address + path })),
      }));
    },
    async run(program, feeds) {
      const results = await sessions.get(program).run(Object.fromEntries(
        feeds.map(([name, dtype, shape, data]) => [name, new runtime.Tensor(dtype, new arrays[dtype](bytes(data)), shape)]),
      ));
      return Object.entries(results).map(([name, { type, dims, data }]) => [name, type, dims, text(data)]);
    },
    async release(program) {
      await sessions.get(program).release();
      sessions.delete(program);
    },
  };
})()`;

/** Name, type, shape, and the numbers' bytes in base 64. */
type Sent = readonly [name: string, dtype: DType, shape: readonly number[], data: string];

/**
 * @param page of a server that offers `folder` as `/programs/` and {@link runtimeFolder} as `/runtime/`
 * @param folder that it may fill
 * @param session options of onnxruntime-web
 */
export async function openPageEngine(page: Page, folder: string, session: object = {}): Promise<Engine> {
  await page.evaluate(pageScript);
  const inPage = (method: string, ...values: unknown[]) =>
    page.evaluate(`engine.${method}(${values.map((value) => JSON.stringify(value)).join()})`);
  return {
    options: { device: 'webgpu', threads: 1 },
    async compile(graph) {
      const { bytes, files } = toOnnx(graph);
      const own = await mkdtemp(join(folder, 'program-'));
      const program = basename(own);
      await writeFile(join(own, 'model.onnx'), bytes);
      for (const [location, path] of Object.entries(files)) await symlink(path, join(own, location));
      await inPage('compile', program, Object.keys(files), session);
      const names = Object.keys(graph.state ?? {});
      const state: Record<string, Tensor> = {};
      return {
        async run(feeds) {
          const results = received((await inPage('run', program, sent({ ...feeds, ...state }))) as Sent[]);
          for (const name of names) {
            state[name] = results[nextOf(name)]!;
            delete results[nextOf(name)];
          }
          return results;
        },
        async writeState(values) {
          Object.assign(state, values);
        },
        readState: async () => ({ ...state }),
        async release() {
          await inPage('release', program);
        },
      };
    },
    close: async () => undefined,
  };
}

function sent(tensors: Tensors): Sent[] {
  return Object.entries(tensors).map(([name, { dtype, shape, data }]) => {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    return [name, dtype, shape, bytes.toString('base64')];
  });
}

function received(results: readonly Sent[]): Record<string, Tensor> {
  return Object.fromEntries(
    results.map(([name, dtype, shape, text]) => {
      const { buffer } = Uint8Array.from(Buffer.from(text, 'base64'));
      const data = new (arrays[dtype] as unknown as new (bytes: ArrayBuffer) => Tensor['data'])(buffer);
      return [name, { dtype, shape, data } as Tensor];
    }),
  );
}
