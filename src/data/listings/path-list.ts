/** @file Paths of many files as bytes: as JavaScript strings, a million of them would take 150 MB. */

/** Paths in a fixed order; immutable. */
export interface PathList {
  readonly length: number;
  at(position: number): string;
}

export function pathList(paths: Iterable<string>): PathList {
  const collected = collectPaths();
  for (const path of paths) collected.add(path);
  return collected.list();
}

/** Collects paths one by one. Stores every folder once and all names in one buffer. */
export function collectPaths(): { add(path: string): void; list(): PathList } {
  const folders: string[] = [];
  const indexOf = new Map<string, number>();
  const names = growing(1 << 12);
  const folderOf: number[] = [];
  const ends: number[] = [];
  return {
    add(path) {
      const cut = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1;
      const folder = path.slice(0, cut);
      let index = indexOf.get(folder);
      if (index === undefined) {
        index = folders.push(folder) - 1;
        indexOf.set(folder, index);
      }
      folderOf.push(index);
      ends.push(names.append(path.slice(cut)));
    },
    list() {
      const bytes = names.bytes();
      const folder = Uint32Array.from(folderOf);
      // Float64, because all names together may be longer than 4 GiB.
      const end = Float64Array.from(ends);
      return {
        length: end.length,
        at(position) {
          const index = folder[position];
          if (index === undefined) throw new RangeError(`position ${position} of ${end.length} paths`);
          return folders[index]! + bytes.toString('utf8', position === 0 ? 0 : end[position - 1], end[position]);
        },
      };
    },
  };
}

function growing(capacity: number) {
  let buffer = Buffer.allocUnsafe(capacity);
  let length = 0;
  return {
    /** Returns the end position of the text. */
    append(text: string): number {
      const needed = length + Buffer.byteLength(text);
      if (needed > buffer.length) {
        const larger = Buffer.allocUnsafe(Math.max(needed, 2 * buffer.length));
        buffer.copy(larger, 0, 0, length);
        buffer = larger;
      }
      length += buffer.write(text, length);
      return length;
    },
    bytes: () => Buffer.from(buffer.subarray(0, length)),
  };
}
