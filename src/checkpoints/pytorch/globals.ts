/** @file The allowlist: every global that a pickle may name, and the meaning of naming or calling it here. */
import { elementTypes, storageClasses } from './element-types.ts';
import { rebuildTensor } from './rebuild-tensor.ts';
import { described, dict, isKind, type Meaning, object, setItem } from './values.ts';

type Call = NonNullable<Meaning['call']>;

/** A call gives an opaque object. */
const inert = (type: string): Meaning => ({ call: () => object(type) });

/** May be an argument of other calls, but not be called. */
const mentioned: Meaning = {};

const orderedDict: Call = (args, refuse, charge) => {
  const made = dict(true);
  // Python 2 passes all pairs at once, as a list of lists.
  const [pairs, ...more] = args;
  if (pairs === undefined) return made;
  if (!isKind(pairs, 'list') || more.length > 0) throw refuse('an OrderedDict of something else', 'a list of pairs');
  charge(pairs.items.length);
  for (const pair of pairs.items) {
    const [key, value] = isKind(pair, 'list') || isKind(pair, 'tuple') ? pair.items : [];
    if (key === undefined || value === undefined || !setItem(made, key, value))
      throw refuse('an OrderedDict of something else', 'pairs with different keys');
  }
  return made;
};

const set: Call = ([items], refuse) => {
  if (items === undefined || isKind(items, 'list') || isKind(items, 'tuple')) return { kind: 'set' };
  throw refuse('a set of something else', 'a list');
};

/** Protocols before 3 write bytes as text, a character per byte. The reader never uses them, so it makes none. */
const encode: Call = ([text, encoding], refuse) => {
  if (typeof text !== 'string' || (encoding !== 'latin1' && encoding !== 'latin-1'))
    throw refuse('a use of _codecs.encode', 'text to be encoded as latin1');
  return object('bytes');
};

const bytearray: Call = ([content, encoding], refuse, charge) => {
  const isBytes = content instanceof Uint8Array || (isKind(content, 'object') && content.type === 'bytes');
  if (content === undefined || isBytes) return object('bytearray');
  return encode([content, encoding ?? null], refuse, charge);
};

/** `copyreg._reconstructor(cls, object, None)`: protocols 0 and 1 make objects by it without calling the class. */
const reconstructor: Call = ([of], refuse, charge) => {
  if (!isKind(of, 'global') || of.meaning.call === undefined)
    throw refuse(`an object of ${described(of)}`, 'an object of a class on the list');
  return of.meaning.call([], refuse, charge);
};

/** `torch._utils._rebuild_tensor(storage, offset, size, stride)`, and the further arguments of later versions. */
const tensorV1: Call = ([storage, offset, size, stride], refuse) =>
  rebuildTensor({ storage, offset, size, stride }, refuse);

/** `(storage, offset, size, stride, requires_grad, backward_hooks, metadata = None)` */
const tensorV2: Call = ([storage, offset, size, stride, , , metadata], refuse) =>
  rebuildTensor({ storage, offset, size, stride, metadata }, refuse);

/** `(storage, offset, size, stride, requires_grad, backward_hooks, dtype, metadata = None)` */
const tensorV3: Call = ([storage, offset, size, stride, , , dtype, metadata], refuse) =>
  rebuildTensor({ storage, offset, size, stride, dtype, metadata }, refuse);

/** A parameter becomes its tensor; whether it was being trained does not matter here. */
const parameter: Call = ([tensor], refuse) => {
  if (!isKind(tensor, 'tensor')) throw refuse(`a parameter of ${described(tensor)}`, 'a tensor');
  return tensor;
};

const tensorCalls: ReadonlySet<Call> = new Set([tensorV1, tensorV2, tensorV3, parameter]);

/** `torch._tensor._rebuild_from_type_v2(function, class, arguments, state)`: a tensor with attributes. */
const tensorWithAttributes: Call = ([rebuild, type, args], refuse, charge) => {
  const call = isKind(rebuild, 'global') ? rebuild.meaning.call : undefined;
  if (call === undefined || !tensorCalls.has(call) || !isKind(type, 'global') || !isKind(args, 'tuple'))
    throw refuse(`a tensor rebuilt by ${described(rebuild)}`, 'one of the functions that rebuild tensors');
  return call(args.items, refuse, charge);
};

const first =
  (what: string): Call =>
  ([value], refuse) => {
    if (value === undefined) throw refuse(`${what} of nothing`, 'an argument');
    return value;
  };

const size: Call = ([sizes], refuse) => {
  if (isKind(sizes, 'tuple')) return sizes;
  if (isKind(sizes, 'list')) return { kind: 'tuple', items: sizes.items };
  throw refuse(`a torch.Size of ${described(sizes)}`, 'a tuple');
};

/** By module, a space, and name. The match is exact, so that no dotted name reaches another object. */
const everywhere: Readonly<Record<string, Meaning>> = {
  'collections OrderedDict': { call: orderedDict },
  'collections defaultdict': { call: () => dict(false) },
  // MultiStepLR keeps its milestones in one.
  'collections Counter': { call: first('a Counter') },
  '_codecs encode': { call: encode },
  // Contents of training checkpoints besides weights: options, paths, states of random generators, scores.
  'argparse Namespace': inert('argparse.Namespace'),
  'pathlib PosixPath': inert('pathlib.PosixPath'),
  'pathlib WindowsPath': inert('pathlib.WindowsPath'),
  'pathlib._local PosixPath': inert('pathlib.PosixPath'),
  'pathlib._local WindowsPath': inert('pathlib.WindowsPath'),
  'numpy ndarray': mentioned,
  'numpy dtype': inert('numpy.dtype'),
  'numpy.core.multiarray scalar': inert('a NumPy number'),
  'numpy._core.multiarray scalar': inert('a NumPy number'),
  'numpy.core.multiarray _reconstruct': inert('numpy.ndarray'),
  'numpy._core.multiarray _reconstruct': inert('numpy.ndarray'),
  'torch Size': { call: size },
  'torch Tensor': mentioned,
  'torch device': inert('torch.device'),
  'torch.nn.parameter Parameter': mentioned,
  'torch.nn.parameter Buffer': mentioned,
  'torch._utils _rebuild_tensor': { call: tensorV1 },
  'torch._utils _rebuild_tensor_v2': { call: tensorV2 },
  'torch._utils _rebuild_tensor_v3': { call: tensorV3 },
  'torch._utils _rebuild_parameter': { call: parameter },
  'torch._utils _rebuild_parameter_with_state': { call: parameter },
  'torch._tensor _rebuild_from_type_v2': { call: tensorWithAttributes },
  'torch.storage UntypedStorage': { storage: 'bytes' },
  ...python('builtins', 'copyreg'),
  // Names of Python 2, which protocols before 3 keep.
  ...python('__builtin__', 'copy_reg'),
  ...Object.fromEntries(elementTypes.map((dtype) => [`torch ${dtype.name}`, { dtype }])),
  ...Object.fromEntries([...storageClasses].map(([name, storage]) => [`torch ${name}`, { storage }])),
};

function python(builtins: string, copyreg: string): Record<string, Meaning> {
  return {
    [`${builtins} set`]: { call: set },
    [`${builtins} frozenset`]: { call: set },
    [`${builtins} bytearray`]: { call: bytearray },
    [`${builtins} complex`]: inert('complex'),
    // Factories of a defaultdict, and the base class of everything.
    [`${builtins} dict`]: mentioned,
    [`${builtins} list`]: mentioned,
    [`${builtins} int`]: mentioned,
    [`${builtins} float`]: mentioned,
    [`${builtins} object`]: mentioned,
    [`${copyreg} _reconstructor`]: { call: reconstructor },
  };
}

/** Further globals in the data of a TorchScript archive (`torch/csrc/jit/serialization/pickler.cpp`). */
const inTorchScript: Readonly<Record<string, Meaning>> = {
  'torch.jit._pickle build_intlist': { call: first('a list') },
  'torch.jit._pickle build_doublelist': { call: first('a list') },
  'torch.jit._pickle build_boollist': { call: first('a list') },
  'torch.jit._pickle build_tensorlist': { call: first('a list') },
  'torch.jit._pickle restore_type_tag': { call: first('a typed value') },
};

/** Known globals for unsupported or dangerous things, with their names in errors. */
const reasons: Readonly<Record<string, string>> = {
  'torch.storage _load_from_bytes': 'a pickle within the pickle',
  'torch._utils _rebuild_sparse_tensor': 'a sparse tensor',
  'torch._utils _rebuild_sparse_csr_tensor': 'a sparse tensor',
  'torch._utils _rebuild_qtensor': 'a quantised tensor',
  'torch._utils _rebuild_meta_tensor_no_storage': 'a tensor without numbers',
  'torch._utils _rebuild_device_tensor_from_numpy': 'a tensor of another device',
  'torch._utils _rebuild_device_tensor_from_cpu_tensor': 'a tensor of another device',
  'torch._utils _rebuild_wrapper_subclass': 'a tensor of a special class',
};

export function allowed(module: string, name: string, torchScript: boolean): Meaning | undefined {
  const key = `${module} ${name}`;
  if (Object.hasOwn(everywhere, key)) return everywhere[key];
  if (!torchScript) return undefined;
  if (Object.hasOwn(inTorchScript, key)) return inTorchScript[key];
  // Modules of the archive: their code is never run; only their state counts.
  return module === '__torch__' || module.startsWith('__torch__.') ? inert(`${module}.${name}`) : undefined;
}

export function reasonAgainst(module: string, name: string): string | undefined {
  const key = `${module} ${name}`;
  return Object.hasOwn(reasons, key) ? reasons[key] : undefined;
}
