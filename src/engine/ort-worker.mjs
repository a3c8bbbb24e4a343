/**
 * @file The worker thread, which ONNX Runtime blocks: holds the sessions and their state, and serves one request at a
 * time.
 *
 * Plain JavaScript with types in comments, because Node starts this same file from the sources and from the
 * built package. It must never be terminated from outside: ending a thread inside ONNX Runtime aborts the process.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import { BUSY, STOP } from './worker-signals.mjs';

/** @import { CompileRequest, Message, Reply, Request, SentTensor, SentTensors, StateNames } from './messages.ts' */

/**
 * @typedef {object} Loaded
 * @property {InferenceSession} session
 * @property {StateNames} names
 * @property {Map<string, Tensor>} state
 */

const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);
const signals = /** @type {Int32Array} */ (workerData);

env.logLevel = 'fatal';

/** @type {Map<number, Loaded>} */
const programs = new Map();

// Sessions yield before they start, so requests are chained: a run never overtakes another one's state.
let last = Promise.resolve();
port.on('message', (/** @type {Message} */ message) => {
  last = last.then(() => whileBusy(() => (message.kind === 'close' ? close() : answer(message))));
});

/**
 * Marks the thread as busy, so that the main thread does not exit now. Skips the work if it is exiting already.
 * @param {() => Promise<void>} work
 */
async function whileBusy(work) {
  Atomics.store(signals, BUSY, 1);
  if (Atomics.load(signals, STOP) === 0) await work();
  Atomics.store(signals, BUSY, 0);
  Atomics.notify(signals, BUSY);
}

/** @param {Request & { id: number }} request */
async function answer(request) {
  /** @type {Reply} */
  let reply = { id: request.id };
  /** @type {ArrayBuffer[]} */
  const transfer = [];
  try {
    const tensors = await perform(request);
    if (tensors) {
      reply = { ...reply, tensors };
      for (const { data } of Object.values(tensors)) transfer.push(data.buffer);
    }
  } catch (error) {
    reply = { ...reply, error: error instanceof Error ? error.message : String(error) };
  }
  port.postMessage(reply, transfer);
}

async function close() {
  for (const { session } of programs.values()) await session.release();
  programs.clear();
  port.close();
}

/**
 * @param {Request} request
 * @returns {Promise<SentTensors | undefined>}
 */
async function perform(request) {
  if (request.kind === 'compile') {
    programs.set(request.program, { session: await createSession(request), names: request.state, state: new Map() });
    return undefined;
  }
  const program = programs.get(request.program);
  if (!program) throw new Error(`there is no program ${request.program}`);
  switch (request.kind) {
    case 'run':
      return run(program, request.feeds);
    case 'writeState':
      for (const [name, value] of Object.entries(request.values)) program.state.set(name, received(value));
      return undefined;
    case 'readState':
      return Object.fromEntries([...program.state].map(([name, value]) => [name, sent(value, true)]));
    case 'release':
      programs.delete(request.program);
      await program.session.release();
      return undefined;
  }
}

/**
 * Options that differ from the defaults, and why:
 * - logs off, here and above: errors come as exceptions, and a library does not write to the terminal;
 * - threads wait actively for 50 us between operators, then sleep. Without a bound they take the core from other
 *   processes (256 x 256 layers on two busy cores: 40 ms of processor time and 36 ms a run, bounded 23 and 25); without
 *   any active waiting, short operators (32 x 64) take half as long again;
 * - no memory pattern: it plans one block for all tensors beside the memory of the first run: twice the memory, to save
 *   3 % of the time (ViT-B/32 forward and back, batch 16: 66 MB a picture with it, 37 without);
 * - the folder of the weights: the model comes as bytes, and ONNX Runtime maps the weights from their files.
 * Denormals stay: `session.set_denormal_as_zero` reaches the calling thread only through the first session of a
 * process, so a second engine would compute other digits than the first.
 * @param {CompileRequest} request
 */
function createSession({ bytes, folder, device, threads }) {
  return InferenceSession.create(bytes, {
    executionProviders: device === 'cpu' ? ['cpu'] : [device, 'cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    enableMemPattern: false,
    logSeverityLevel: 4,
    extra: {
      session: {
        intra_op: { spin_duration_us: '50' },
        ...(folder !== undefined && { model_external_initializers_file_folder_path: folder }),
      },
    },
  });
}

/**
 * @param {Loaded} program
 * @param {SentTensors} values
 */
async function run({ session, names, state }, values) {
  /** @type {Record<string, Tensor>} */
  const feeds = {};
  for (const [name, value] of Object.entries(values)) feeds[name] = received(value);
  for (const [name, { input }] of Object.entries(names)) {
    const value = state.get(name);
    if (!value) throw new Error(`the state "${name}" has not been written`);
    feeds[input] = value;
  }
  const results = await session.run(feeds);
  const kept = new Set();
  for (const [name, { output }] of Object.entries(names)) {
    const value = results[output];
    if (!value) throw new Error(`the model has no output "${output}" for the state "${name}"`);
    state.set(name, value);
    kept.add(output);
  }
  /** @type {Record<string, SentTensor>} */
  const outputs = {};
  for (const [name, value] of Object.entries(results)) {
    if (!kept.has(name)) outputs[name] = sent(value, false);
  }
  return outputs;
}

/** @param {SentTensor} tensor */
function received({ dtype, shape, data }) {
  return new Tensor(dtype, /** @type {Float32Array} */ (data), shape);
}

/**
 * @param {Tensor} tensor
 * @param {boolean} copy whether this thread keeps the tensor: sending moves its buffer
 * @returns {SentTensor}
 */
function sent({ type, dims, data }, copy) {
  const numbers = /** @type {Float32Array<ArrayBuffer>} */ (data);
  return { dtype: /** @type {SentTensor['dtype']} */ (type), shape: dims, data: copy ? numbers.slice() : numbers };
}
