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
  const candidates = [...value.entries].filter(([, entry]) => isStateDict(entry));
  const [only] = candidates;
  if (only && candidates.length === 1) return { tensors: tensorsOf(path, only[1], only[0]), entry: only[0] };
  throw badData(path, describedKeys(value), candidates.length > 1 ? 'one state dict only' : expected, saveStateDict);
}

function describedKeys({ entries, otherKeys }: PyDict): string {
  if (entries.size + otherKeys.size === 0) return 'an empty dict';
  const names = [...entries.keys()].slice(0, 8).map(shown);
  return `a dict of ${(otherKeys.size > 0 ? [...names, '...'] : names).join(', ')}`;
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
    for (const entry of value.entries.values()) {
      if (isKind(entry, 'tensor')) tensors++;
    }
    const verdict = 2 * tensors > value.entries.size + value.otherKeys.size;
    verdicts.set(value, verdict);
    return verdict;
  };
}

function tensorsOf(path: string, value: PyValue | undefined, entry: string | undefined): Map<string, PyTensor> {
  const where = entry === undefined ? path : `${path}: entry ${shown(entry)}`;
  const tensors = new Map<string, PyTensor>();
  const { entries, otherKeys } = value as PyDict;
  checkNamed(where, otherKeys, 'as a key', 'names of tensors');
  for (const [key, tensor] of entries) {
    checkName(where, key);
    if (!isKind(tensor, 'tensor'))
      throw badData(`${where}: ${shown(key)}`, described(tensor), 'a tensor', saveStateDict);
    tensors.set(key, tensor);
  }
  if (tensors.size === 0) throw badData(where, 'an empty state dict', 'tensors');
  return tensors;
}

function checkNamed(where: string, otherKeys: PyDict['otherKeys'], as: string, wanted: string): void {
  const [key] = otherKeys;
  if (key !== undefined) throw badData(where, `${typeof key === 'string' ? key : described(key)} ${as}`, wanted);
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
    checkNamed(where, module.state.otherKeys, 'as an attribute', 'names');
    for (const [name, value] of module.state.entries) {
      if (++attributes > moduleLimits.attributes)
        throw badData(path, `more than ${moduleLimits.attributes} attributes of modules`, 'fewer');
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
