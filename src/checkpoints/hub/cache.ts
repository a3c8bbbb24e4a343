/** @file The cache of Hugging Face's libraries, laid out as Python's `huggingface_hub` does: blobs, snapshots of links, refs. */
import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { writeFileAtomically } from '../../tensor/files/atomic-file.ts';
import { isThere, sizeOf } from '../../tensor/files/file-bytes.ts';
import { fileProblem } from '../../tensor/files/file-problem.ts';
import { type CachedFile, completeBlob, type FetchRest } from './parts.ts';

export interface HubCache {
  /** Of the repository. */
  readonly root: string;
  /** Where the files of a commit lie, or would. */
  folder(commit: string): string;
  /** Names of the files that are there of a commit, links to nothing left out; undefined if it is unknown. */
  files(commit: string): Promise<readonly string[] | undefined>;
  /** Whether it was once seen that the commit has no such file. */
  lacks(commit: string, path: string): Promise<boolean>;
  rememberLack(commit: string, path: string): Promise<void>;
  /** What a branch or tag was when it was last asked for. */
  commitOf(revision: string): Promise<string | undefined>;
  remember(revision: string, commit: string): Promise<void>;
  /** Whether a file is there; one that another commit has brought already becomes part of this one. */
  has(commit: string, file: CachedFile): Promise<boolean>;
  /** Fetches a file, or what is missing of it; throws a data error if it is not of its size and hash. */
  complete(commit: string, file: CachedFile, rest: FetchRest, arrived: (bytes: number) => void): Promise<void>;
}

/** HF_HUB_CACHE, HF_HOME and XDG_CACHE_HOME say where the cache is, as in Python. */
export async function openHubCache(repository: string): Promise<HubCache> {
  const { getHFHubCachePath, getRepoFolderName } = await import('@huggingface/hub');
  const root = join(getHFHubCachePath(), getRepoFolderName({ type: 'model', name: repository }));
  const folder = (commit: string) => join(root, 'snapshots', commit);
  return {
    root,
    folder,
    async files(commit) {
      const names = await orUndefined(readdir(folder(commit)));
      if (names === undefined) return undefined;
      const whole = await Promise.all(names.map((name) => isThere(join(folder(commit), name))));
      return names.filter((_, at) => whole[at]);
    },
    lacks: (commit, path) => isThere(join(root, '.no_exist', commit, path)),
    async rememberLack(commit, path) {
      const mark = join(root, '.no_exist', commit, path);
      await told(mark, async () => {
        await mkdir(dirname(mark), { recursive: true });
        await writeFile(mark, '');
      });
    },
    async commitOf(revision) {
      const commit = (await orUndefined(readFile(join(root, 'refs', revision), 'utf8')))?.trim();
      return commit && /^[0-9a-f]{40}$/.test(commit) ? commit : undefined;
    },
    async remember(revision, commit) {
      if (revision === commit) return;
      const path = join(root, 'refs', revision);
      // A cache that others share may be one that we can only read.
      if ((await orUndefined(readFile(path, 'utf8')))?.trim() === commit) return;
      await told(path, async () => {
        await mkdir(dirname(path), { recursive: true });
        await writeFileAtomically(path, commit);
      });
    },
    async has(commit, { path, size, etag }) {
      const pointer = join(folder(commit), path);
      const isWhole = async (file: string) => (await isThere(file)) && (await sizeOf(file)) === size;
      if (await isWhole(pointer)) return true;
      const blob = join(root, 'blobs', etag);
      if (!(await isWhole(blob))) return false;
      await told(pointer, async () => {
        await mkdir(dirname(pointer), { recursive: true });
        await point(pointer, blob);
      });
      return true;
    },
    async complete(commit, file, rest, arrived) {
      const blob = join(root, 'blobs', file.etag);
      const pointer = join(folder(commit), file.path);
      await told(blob, async () => {
        await mkdir(dirname(blob), { recursive: true });
        await mkdir(dirname(pointer), { recursive: true });
        await completeBlob(blob, file, rest, arrived);
        await point(pointer, blob);
      });
    },
  };
}

/**
 * Relative links, so that the cache can be moved; where links are not allowed (Windows), a copy. Made aside and renamed:
 * another process may be fetching the same model.
 */
async function point(pointer: string, blob: string): Promise<void> {
  const aside = `${blob}.${randomUUID()}.incomplete`;
  try {
    await symlink(relative(dirname(pointer), blob), aside).catch(async (error: NodeJS.ErrnoException) => {
      if (!['EPERM', 'EACCES', 'ENOSYS'].includes(error.code ?? '')) throw error;
      await copyFile(blob, aside);
    });
    await rename(aside, pointer);
  } finally {
    await rm(aside, { force: true });
  }
}

function orUndefined<T>(value: Promise<T>): Promise<T | undefined> {
  return value.catch(() => undefined);
}

async function told(path: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    throw fileProblem(path, error);
  }
}
