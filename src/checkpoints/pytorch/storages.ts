/** @file Persistent ids: how a pickle of PyTorch names a storage that lies elsewhere in the file. */
import { shown } from '../../tensor/safetensors-header.ts';
import { described, isKind, type PyStorage, type PyValue, type Refuse } from './values.ts';

/** Storages of one file by their keys, gathered while its pickle is read. */
export interface Storages {
  readonly byKey: ReadonlyMap<string, PyStorage>;
  /** The meaning of a persistent id. */
  readonly resolve: (id: PyValue, refuse: Refuse) => PyStorage;
}

/**
 * `('storage', class, key, device, elements)`; in files before 1.6 followed by a view or None
 * (`persistent_id` in `torch/serialization.py`).
 *
 * @param bytesOf size of a key's data in the file, if it is known beforehand; gives undefined for an unknown key
 */
export function storagesOf(bytesOf?: (key: string) => number | undefined): Storages {
  const byKey = new Map<string, PyStorage>();
  return {
    byKey,
    resolve(id, refuse) {
      if (!isKind(id, 'tuple')) throw refuse(`${described(id)} as a persistent id`, 'a tuple that names a storage');
      const [what, type, key, device, count, view, ...more] = id.items;
      if (what === 'module')
        throw refuse('a module with its source code', 'tensors only', 'save its state_dict() instead');
      const storage = isKind(type, 'global') ? type.meaning.storage : undefined;
      const known =
        what === 'storage' && storage !== undefined && typeof key === 'string' && typeof device === 'string';
      if (!known || more.length > 0)
        throw refuse('a persistent id of something else', "('storage', class, key, device, elements)");
      if (view !== undefined && view !== null)
        throw refuse('a view of a storage, as PyTorch before 0.4 wrote it', 'whole storages', 'save it again');
      if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 0)
        throw refuse(`a storage of ${described(count)} elements`, 'a whole number');
      const elementType = storage === 'bytes' ? undefined : storage;
      const bytes = count * (elementType?.bytes ?? 1);
      const earlier = byKey.get(key);
      if (earlier) {
        if (earlier.bytes === bytes && earlier.type === elementType) return earlier;
        throw refuse(`storage ${shown(key)} with another size or type than before`, 'the same');
      }
      const there = bytesOf ? bytesOf(key) : bytes;
      if (there === undefined) throw refuse(`storage ${shown(key)}, which is not in the file`, 'one that is');
      if (there !== bytes) throw refuse(`storage ${shown(key)} of ${bytes} bytes`, `the ${there} bytes of the file`);
      const made: PyStorage = { kind: 'storage', key, type: elementType, bytes };
      byKey.set(key, made);
      return made;
    },
  };
}
