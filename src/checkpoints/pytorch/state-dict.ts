/** @file Finds the weights in a checkpoint: a state dict, an entry with one, or the modules of TorchScript. */
import { badData } from '../../errors.ts';
import { limits, shown } from '../../tensor/safetensors-header.ts';
import { described, isKind, type PyDict, type PyObject, type PyTensor, type PyValue } from './values.ts';

export interface StateDict {
  readonly tensors: ReadonlyMap<string, PyTensor>;
  /** Key of the checkpoint's entry that holds it; undefined if the checkpoint is nothing else. */
  readonly entry: string | undefined;
}

/**
 * Keys under which training code stores the weights, the more specific first: CleanCLIP, open_clip, Lightning;
 * PyTorch's tutorials; BackdoorBench, MAE and SLIP; DeepSpeed; others.
 */
const entryNames = ['state_dict', 'model_state_dict', 'model', 'module', 'net', 'weights'] as const;

/** The weights in a file of `torch.save`. */
export function findStateDict(path: string, value: PyValue): StateDict {
  if (isKind(value, 'tensor')) throw badData(path, 'a single tensor', expected, 'this is no model');
  if (!isKind(value, 'dict')) throw badData(path, described(value), expected, saveStateDict);
  const isStateDict = judge();
  const named = entryNames.find((name) => isStateDict(value.entries.get(name)));
  if (named !== undefined) return { tensors: tensorsOf(path, value.entries.get(named), named), entry: named };
  if (isStateDict(value)) return { tensors: tensorsOf(path, value, undefined), entry: undefined };
  const candidates = [...value.entries].filter(([key, entry]) => typeof key === 'string' && isStateDict(entry));
  const [only] = candidates;
  if (only && candidates.length === 1)
    return { tensors: tensorsOf(path, only[1], String(only[0])), entry: String(only[0]) };
  const keys = [...value.entries.keys()].slice(0, 8).map((key) => (typeof key === 'string' ? shown(key) : '...'));
  throw badData(
    path,
    value.entries.size === 0 ? 'an empty dict' : `a dict of ${keys.join(', ')}`,
    candidates.length > 1 ? 'one state dict only' : expected,
    saveStateDict,
  );
}

const expected = `a state dict, or a checkpoint with one under ${entryNames.map((name) => `"${name}"`).join(', ')}`;
const saveStateDict = 'save state_dict() of the model alone';

/**
 * Recognises a state dict: most of its entries are tensors, and reading it names the others. One dict can lie under
 * many keys, so its entries are counted once.
 */
function judge(): (value: PyValue | undefined) => boolean {
  const verdicts = new Map<PyDict, boolean>();
  return (value) => {
    if (!isKind(value, 'dict')) return false;
    const known = verdicts.get(value);
    if (known !== undefined) return known;
    let tensors = 0;
    for (const [key, entry] of value.entries) {
      if (typeof key === 'string' && isKind(entry, 'tensor')) tensors++;
    }
    const verdict = 2 * tensors > value.entries.size;
    verdicts.set(value, verdict);
    return verdict;
  };
}

function tensorsOf(path: string, value: PyValue | undefined, entry: string | undefined): Map<string, PyTensor> {
  const where = entry === undefined ? path : `${path}: entry ${shown(entry)}`;
  const tensors = new Map<string, PyTensor>();
  for (const [key, tensor] of (value as PyDict).entries) {
    if (typeof key !== 'string') throw badData(where, `${described(key)} as a key`, 'names of tensors');
    checkName(where, key);
    if (!isKind(tensor, 'tensor'))
      throw badData(`${where}: ${shown(key)}`, described(tensor), 'a tensor', saveStateDict);
    tensors.set(key, tensor);
  }
  if (tensors.size === 0) throw badData(where, 'an empty state dict', 'tensors');
  return tensors;
}

function checkName(where: string, name: string): void {
  if (name.length > limits.nameLength)
    throw badData(where, `a name of ${name.length} characters`, `at most ${limits.nameLength}`);
}

/** Limits of the walk through the modules of an archive. */
const moduleLimits = {
  /** CLIP's modules lie 8 deep. */
  depth: 64,
  /** CLIP's modules have some 15,000. A module that many others refer to is walked through every time. */
  attributes: 100_000,
} as const;

/**
 * The tensors among the attributes of the modules of a TorchScript archive, named by their path, as `state_dict()`
 * names them. The code of the modules is ignored.
 */
export function tensorsOfModules(path: string, root: PyValue): StateDict {
  if (!isModule(root)) throw badData(path, `a TorchScript archive of ${described(root)}`, 'one of a module');
  const tensors = new Map<string, PyTensor>();
  const open: { readonly module: PyObject; readonly prefix: string; readonly depth: number }[] = [
    { module: root, prefix: '', depth: 0 },
  ];
  let attributes = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { module, prefix, depth } = next;
    const where = `${path}: module ${shown(prefix === '' ? '(root)' : prefix.slice(0, -1))}`;
    if (depth > moduleLimits.depth) throw badData(where, `${depth} modules above it`, `at most ${moduleLimits.depth}`);
    if (!isKind(module.state, 'dict'))
      throw badData(where, `${described(module.state)} as its state`, 'attributes', 'quantised models are not read');
    for (const [name, value] of module.state.entries) {
      if (++attributes > moduleLimits.attributes)
        throw badData(path, `more than ${moduleLimits.attributes} attributes of modules`, 'fewer');
      if (typeof name !== 'string') throw badData(where, `${described(name)} as an attribute`, 'names');
      checkName(where, prefix + name);
      if (isKind(value, 'tensor')) tensors.set(prefix + name, value);
      else if (isModule(value)) open.push({ module: value, prefix: `${prefix}${name}.`, depth: depth + 1 });
    }
  }
  if (tensors.size === 0) throw badData(path, 'a TorchScript archive without tensors', 'a model');
  return { tensors, entry: undefined };
}

function isModule(value: PyValue): value is PyObject {
  return isKind(value, 'object') && value.type.startsWith('__torch__.');
}
