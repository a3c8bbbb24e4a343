/** @file The Hugging Face cache, in the layout of Python's `huggingface_hub`: blobs, snapshots of links, refs. */
import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { writeFileAtomically } from '../../tensor/files/atomic-file.ts';
import { isThere, sizeOf } from '../../tensor/files/file-bytes.ts';
import { explainingFile, systemCode } from '../../tensor/files/file-problem.ts';
import { type CachedFile, completeBlob, type FetchRest } from './partial-download.ts';

export interface HubCache {
  /** Of the repository. */
  readonly root: string;
  /** The folder of a commit's files, which need not exist. */
  folder(commit: string): string;
  /** Names of a commit's cached files, without dangling links; undefined if the commit is unknown. */
  files(commit: string): Promise<readonly string[] | undefined>;
  /** Whether the commit is known to have no such file. */
  lacks(commit: string, path: string): Promise<boolean>;
  rememberLack(commit: string, path: string): Promise<void>;
  /** The commit of a branch or tag when the Hub last named it. */
  commitOf(revision: string): Promise<string | undefined>;
  remember(revision: string, commit: string): Promise<void>;
  /** Whether a file is cached. Links the file if another commit has brought its blob. */
  has(commit: string, file: CachedFile): Promise<boolean>;
  /** Fetches a file, or its missing part; throws a data error if size or hash are wrong. */
  complete(commit: string, file: CachedFile, rest: FetchRest, arrived: (bytes: number) => void): Promise<void>;
}

/** HF_HUB_CACHE, HF_HOME and XDG_CACHE_HOME place the cache; `~` and variables in them are expanded, as in Python. */
export async function openHubCache(repository: string): Promise<HubCache> {
  const { getHFHubCachePath, getRepoFolderName } = await import('@huggingface/hub');
  const root = join(expanded(getHFHubCachePath()), getRepoFolderName({ type: 'model', name: repository }));
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
      // A shared cache may be read-only.
      if (await isThere(mark)) return;
      await explainingFile(mark, async () => {
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
      // A shared cache may be read-only.
      if ((await orUndefined(readFile(path, 'utf8')))?.trim() === commit) return;
      await explainingFile(path, async () => {
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
      await explainingFile(pointer, async () => {
        await mkdir(dirname(pointer), { recursive: true });
        await point(pointer, blob);
      });
      return true;
    },
    async complete(commit, file, rest, arrived) {
      const blob = join(root, 'blobs', file.etag);
      const pointer = join(folder(commit), file.path);
      await explainingFile(blob, async () => {
        await mkdir(dirname(blob), { recursive: true });
        await mkdir(dirname(pointer), { recursive: true });
        await completeBlob(blob, file, rest, arrived);
        await point(pointer, blob);
      });
    },
  };
}

/**
 * Makes a relative link, so that the cache can be moved; a copy where links are not allowed (Windows). Creates it aside
 * and renames it: another process may be fetching the same model.
 */
async function point(pointer: string, blob: string): Promise<void> {
  const aside = `${blob}.${randomUUID()}.incomplete`;
  try {
    await symlink(relative(dirname(pointer), blob), aside).catch(async (error) => {
      if (!['EPERM', 'EACCES', 'ENOSYS'].includes(systemCode(error) ?? '')) throw error;
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

/** What `os.path.expandvars(os.path.expanduser(path))` gives in Python; unknown variables stay as they are. */
function expanded(path: string, env: NodeJS.ProcessEnv = process.env): string {
  const atHome = path.replace(/^~(?=$|[/\\])/, () => homedir());
  return atHome.replace(/\$(?:(\w+)|\{([^}]+)\})/g, (whole, bare, braced) => env[bare ?? braced] ?? whole);
}
