/** @file Models by their Hugging Face name (`hf:org/name@revision`): found in the cache that Python uses too, or fetched into it. */
import type { HubSource } from '../clip/clip.ts';
import { AntidoteError, badData, badUsage } from '../errors.ts';
import { type CachedFile, openHubCache } from './hub-cache.ts';

export interface HubModel {
  /** A snapshot folder that holds the model's files under their names. */
  readonly folder: string;
  readonly source: HubSource;
}

/** What is to be fetched of a repository. Called again with what has arrived, as an index names further files. */
export type NeededFiles = (where: string, files: readonly string[], folder: string) => Promise<readonly string[]>;

const defaultRevision = 'main';
const isCommit = (revision: string) => /^[0-9a-f]{40}$/.test(revision);

/** `org/name` and revision of `hf:org/name@revision`; undefined for any other name. */
export function parseHubName(name: string): Omit<HubSource, 'commit'> | undefined {
  if (!name.startsWith('hf:')) return undefined;
  const match = /^hf:([A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*)(?:@([A-Za-z0-9][\w./-]*))?$/.exec(name);
  const [, repository, revision = defaultRevision] = match ?? [];
  if (repository === undefined || revision.split('/').some((part) => part === '' || part === '..'))
    throw badUsage(name, 'no repository of the Hub', 'hf:org/name, or hf:org/name@revision');
  return { repository, revision };
}

/**
 * A revision that names a commit is taken from the cache without asking anyone, if all that is needed of it is there.
 * For a branch or a tag the Hub says which commit it is; if it cannot be reached, or must not be (HF_HUB_OFFLINE), it is
 * what the cache remembers. Only the needed files are fetched; size and hash of each are checked.
 */
export async function openHubModel(
  wanted: Omit<HubSource, 'commit'>,
  needed: NeededFiles,
  env: NodeJS.ProcessEnv = process.env,
): Promise<HubModel> {
  const { repository, revision } = wanted;
  const where = `hf:${repository}@${revision}`;
  const cache = await openHubCache(repository);
  const cached = async (commit: string | undefined): Promise<HubModel | undefined> => {
    const files = commit === undefined ? undefined : await cache.files(commit);
    if (commit === undefined || files === undefined) return undefined;
    const folder = cache.folder(commit);
    const complete = await isComplete(needed, where, files, folder);
    return complete ? { folder, source: { ...wanted, commit } } : undefined;
  };
  if (isCommit(revision)) {
    const found = await cached(revision);
    if (found) return found;
  }
  const offline = isTrue(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE);
  const remembered = () => (isCommit(revision) ? undefined : cache.commitOf(revision));
  if (offline) {
    const found = await cached(await remembered());
    if (found) return found;
    throw badData(
      where,
      `nothing complete in ${cache.root}`,
      'a cached model, as HF_HUB_OFFLINE is set',
      'unset it once',
    );
  }
  const hub = await connect(repository, where, env);
  let commit: string;
  try {
    commit = await hub.commitOf(revision);
  } catch (error) {
    const found = error instanceof Unreachable ? await cached(await remembered()) : undefined;
    if (found) return found;
    throw error;
  }
  await cache.remember(revision, commit);
  const folder = cache.folder(commit);
  const listed = await hub.list(commit);
  for (let wantedFiles: readonly string[] = [], before = -1; wantedFiles.length !== before; ) {
    before = wantedFiles.length;
    wantedFiles = await needed(where, [...listed.keys()], folder);
    for (const path of wantedFiles) {
      const file = listed.get(path);
      if (!file) throw badData(`${where}: ${path}`, 'no such file in the repository', 'a file that its index lists');
      if (!(await cache.has(commit, file))) await cache.put(commit, file, await hub.download(commit, file));
    }
  }
  return { folder, source: { ...wanted, commit } };
}

/** Whether the cache has all that would be fetched. What Python left there may be a part only. */
async function isComplete(
  needed: NeededFiles,
  where: string,
  files: readonly string[],
  folder: string,
): Promise<boolean> {
  try {
    return (await needed(where, files, folder)).every((path) => files.includes(path));
  } catch (error) {
    if (error instanceof AntidoteError) return false;
    throw error;
  }
}

function isTrue(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value ?? '');
}

/** The Hub, or the way to it, does not answer. */
class Unreachable extends AntidoteError {}

interface Hub {
  commitOf(revision: string): Promise<string>;
  list(commit: string): Promise<ReadonlyMap<string, CachedFile>>;
  download(commit: string, file: CachedFile): Promise<ReadableStream<Uint8Array>>;
}

async function connect(repository: string, where: string, env: NodeJS.ProcessEnv): Promise<Hub> {
  // Loaded here, so that models on disk do not wait for it.
  const { downloadFile, HubApiError, listFiles, modelInfo } = await import('@huggingface/hub');
  const hubUrl = (env.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, '');
  const access = { hubUrl, ...(env.HF_TOKEN && { accessToken: env.HF_TOKEN }) };
  const attempt = async <T>(what: string, action: () => Promise<T>): Promise<T> => {
    try {
      return await action();
    } catch (error) {
      if (error instanceof HubApiError) throw refusal(what, error.statusCode, `${hubUrl}/${repository}`, error);
      if (error instanceof AntidoteError) throw error;
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
      throw new Unreachable({
        fault: 'data',
        where: what,
        found: `no answer from ${hubUrl} (${cause})`,
        expected: 'the Hub, or the model in the cache',
        advice: 'check the connection; HF_ENDPOINT names another server',
        cause: error,
      });
    }
  };
  return {
    commitOf: (revision) =>
      attempt(where, async () => {
        const { sha } = await modelInfo({ ...access, name: repository, revision, additionalFields: ['sha'] });
        if (isCommit(sha)) return sha;
        throw badData(where, `the commit ${JSON.stringify(sha)}`, '40 hexadecimal digits', `${hubUrl} is no Hub`);
      }),
    list: (commit) =>
      attempt(where, async () => {
        const files = new Map<string, CachedFile>();
        for await (const { type, path, size, oid, lfs } of listFiles({
          ...access,
          repo: repository,
          revision: commit,
        })) {
          // Both become names of files here, so neither may lead elsewhere.
          if (type !== 'file' || /[\\/]|^\.\.?$/.test(path)) continue;
          const etag = lfs?.oid ?? oid ?? '';
          if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(etag))
            throw badData(`${where}: ${path}`, `the hash ${JSON.stringify(etag)}`, '40 or 64 hexadecimal digits');
          files.set(path, { path, size: lfs?.size ?? size, etag });
        }
        return files;
      }),
    download: (commit, { path }) =>
      attempt(`${where}: ${path}`, async () => {
        const blob = await downloadFile({ ...access, repo: repository, path, revision: commit });
        if (blob === null) throw badData(`${where}: ${path}`, 'nothing', 'the file that the repository lists');
        return blob.stream();
      }),
  };
}

function refusal(where: string, status: number, page: string, cause: Error): AntidoteError {
  switch (status) {
    case 401:
      return badData(
        where,
        'no such repository, or one that is private or gated',
        'one that may be read',
        `see ${page}; for a private or gated one set HF_TOKEN to a token that may read it`,
        cause,
      );
    case 403:
      return badData(
        where,
        'a gated repository, which this token may not read',
        'access to it',
        `ask for it at ${page}, and set HF_TOKEN to your token`,
        cause,
      );
    case 404:
      return badData(where, 'no such repository or revision', 'one that exists', `see ${page}`, cause);
    default:
      return badData(where, `the answer ${status} from the Hub`, 'a repository', cause.message, cause);
  }
}
