/** @file Models by their Hugging Face name (`hf:org/name@revision`): found in the cache that Python uses too, or fetched into it. */
import type { HubSource } from '../../clip/clip.ts';
import { AntidoteError, badData, badUsage } from '../../errors.ts';
import { bytesTold, type Report } from './bytes-told.ts';
import { type HubCache, openHubCache } from './cache.ts';
import type { CachedFile, FetchRest, Rest } from './parts.ts';

export interface HubModel {
  /** A snapshot folder that holds the model's files under their names. */
  readonly folder: string;
  readonly source: HubSource;
}

/** What is read of a repository. */
export interface Needed {
  readonly required: readonly string[];
  /** Read where the repository has them. */
  readonly optional: readonly string[];
  /** The terms of use, of what the repository has: not read, and not missed in a cache that has the rest. */
  readonly terms: readonly string[];
}

/** What is to be fetched of a repository. Called again with what has arrived, as an index names further files. */
export type NeededFiles = (where: string, files: readonly string[], folder: string) => Promise<Needed>;

/** A repository of a model has some dozen files beside one another. */
const mostFiles = 10_000;

const defaultRevision = 'main';
const isCommit = (revision: string) => /^[0-9a-f]{40}$/.test(revision);

/** `org/name` and revision of `hf:org/name@revision`; undefined for any other name. */
export function parseHubName(name: string): Omit<HubSource, 'commit'> | undefined {
  if (!name.startsWith('hf:')) return undefined;
  const match = /^hf:([A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*)(?:@([A-Za-z0-9][\w./-]*))?$/.exec(name);
  const [, repository, revision = defaultRevision] = match ?? [];
  // The Hub forbids "--"; the cache makes it of the stroke, so that with it two names would share a folder.
  if (
    repository === undefined ||
    repository.includes('--') ||
    revision.split('/').some((part) => /^\.{0,2}$/.test(part))
  )
    throw badUsage(name, 'no repository of the Hub', 'hf:org/name, or hf:org/name@revision');
  return { repository, revision };
}

/** A repository as it is asked for, and where what is fetched of it lies. */
interface Wanted {
  /** For errors. */
  readonly where: string;
  readonly cache: HubCache;
  readonly needed: NeededFiles;
}

/**
 * A revision that names a commit is taken from the cache without asking anyone, if all that is needed of it is there.
 * For a branch or a tag the Hub says which commit it is; if it cannot be reached or is out of order, or must not be asked
 * (HF_HUB_OFFLINE), it is what the cache remembers. Only the needed files are fetched; size and hash of each are checked.
 * What an earlier attempt has brought of a file is gone on with.
 */
export async function openHubModel(
  source: Omit<HubSource, 'commit'>,
  needed: NeededFiles,
  report?: Report,
  env: NodeJS.ProcessEnv = process.env,
): Promise<HubModel> {
  const { repository, revision } = source;
  const cache = await openHubCache(repository);
  const wanted: Wanted = { where: `hf:${repository}@${revision}`, cache, needed };
  const opened = (commit: string): HubModel => ({ folder: cache.folder(commit), source: { ...source, commit } });
  if (isCommit(revision) && (await isCached(wanted, revision, true))) return opened(revision);
  const fromCache = async (): Promise<HubModel | undefined> => {
    const commit = isCommit(revision) ? revision : await cache.commitOf(revision);
    return commit !== undefined && (await isCached(wanted, commit)) ? opened(commit) : undefined;
  };
  if (isTrue(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE)) {
    const found = await fromCache();
    if (found) return found;
    throw badData(
      wanted.where,
      `nothing complete in ${cache.root}`,
      'a cached model, as HF_HUB_OFFLINE is set',
      'unset it once',
    );
  }
  const hub = await connect(repository, wanted.where, env);
  let commit: string;
  let listed: ReadonlyMap<string, CachedFile>;
  try {
    commit = await hub.commitOf(revision);
    listed = await hub.list(commit);
  } catch (error) {
    const found = error instanceof Unreachable ? await fromCache() : undefined;
    if (found) return found;
    throw error;
  }
  await fetchAll(wanted, hub, commit, listed, report);
  // Last: until all is there, the branch stays what it was, which may be in the cache as a whole.
  await cache.remember(revision, commit);
  return opened(commit);
}

/**
 * Whether the cache has the model of a commit. What Python left there may be a part only: `surely` if nothing that the
 * repository has is missing.
 */
async function isCached({ where, cache, needed }: Wanted, commit: string, surely = false): Promise<boolean> {
  const files = await cache.files(commit);
  if (files === undefined) return false;
  const wants = await neededOf(needed, where, files, cache.folder(commit));
  if (!wants?.required.every((path) => files.includes(path))) return false;
  if (!surely) return true;
  const open = wants.optional.filter((path) => !files.includes(path));
  const lacks = await Promise.all(open.map((path) => cache.lacks(commit, path)));
  return !lacks.includes(false);
}

/** Fetches what is needed of a commit and not in the cache, until what has arrived names nothing new. */
async function fetchAll(
  { where, cache, needed }: Wanted,
  hub: Hub,
  commit: string,
  listed: ReadonlyMap<string, CachedFile>,
  report: Report | undefined,
): Promise<void> {
  const told = bytesTold('download', report);
  const named = new Set<string>();
  let done = 0;
  for (;;) {
    const { required, optional, terms } = await needed(where, [...listed.keys()], cache.folder(commit));
    const fresh = [...terms, ...optional, ...required].filter((path) => !named.has(path));
    if (fresh.length === 0) return;
    const missing: CachedFile[] = [];
    for (const path of fresh) {
      named.add(path);
      const file = listed.get(path);
      if (!file && !optional.includes(path))
        throw badData(`${where}: ${path}`, 'no such file in the repository', 'a file that its index lists');
      if (!file) await cache.rememberLack(commit, path);
      else if (!(await cache.has(commit, file))) missing.push(file);
    }
    const all = missing.reduce((sum, { size }) => sum + size, done);
    for (const file of missing) {
      const arrived = (size: number) => told(done + size, all);
      await hub.download(commit, file, (rest) => cache.complete(commit, file, rest, arrived));
      done += file.size;
    }
  }
}

/** Undefined if the files make no model. */
async function neededOf(
  needed: NeededFiles,
  where: string,
  files: readonly string[],
  folder: string,
): Promise<Needed | undefined> {
  try {
    return await needed(where, files, folder);
  } catch (error) {
    if (error instanceof AntidoteError) return undefined;
    throw error;
  }
}

function isTrue(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value ?? '');
}

/** The Hub, or the way to it, does not answer, or not with what was asked for: that is no word on the model. */
class Unreachable extends AntidoteError {}

interface Hub {
  commitOf(revision: string): Promise<string>;
  list(commit: string): Promise<ReadonlyMap<string, CachedFile>>;
  /** Hands over how to ask for a file; a connection that breaks for good is told like one that never was. */
  download(commit: string, file: CachedFile, keep: (rest: FetchRest) => Promise<void>): Promise<void>;
}

async function connect(repository: string, where: string, env: NodeJS.ProcessEnv): Promise<Hub> {
  // Loaded here, so that models on disk do not wait for it.
  const { HubApiError, listFiles, modelInfo } = await import('@huggingface/hub');
  const hubUrl = (env.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, '');
  const token = env.HF_TOKEN?.trim() ?? '';
  if (token !== '' && !token.startsWith('hf_'))
    throw badData('HF_TOKEN', 'a token of another form', 'one that starts with hf_', 'unset it for public models');
  const access = { hubUrl, fetch: keepingToken(token, hubUrl), ...(token !== '' && { accessToken: token }) };
  const attempt = async <T>(what: string, action: () => Promise<T>): Promise<T> => {
    try {
      return await action();
    } catch (error) {
      if (error instanceof HubApiError) throw refusal(what, error.statusCode, `${hubUrl}/${repository}`, error);
      if (error instanceof AntidoteError) throw error;
      const cause = reasonOf(error);
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
          if (type !== 'file' || /[\\/]|^\.\.?$|\p{Cc}/u.test(path)) continue;
          if (files.size === mostFiles)
            throw badData(where, `more than ${mostFiles} files`, 'a repository with a model');
          const etag = lfs?.oid ?? oid ?? '';
          if (!/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(etag))
            throw badData(`${where}: ${path}`, `the hash ${JSON.stringify(etag)}`, '40 or 64 hexadecimal digits');
          files.set(path, { path, size: lfs?.size ?? size, etag });
        }
        return files;
      }),
    download(commit, { path }, keep) {
      const what = `${where}: ${path}`;
      const address = `${hubUrl}/${repository}/resolve/${commit}/${encodeURIComponent(path)}`;
      return attempt(what, () =>
        keep((from) =>
          fetchRest(access.fetch, address, token, from, (status) => {
            throw refusal(what, status, `${hubUrl}/${repository}`, new Error(`at ${address}`));
          }),
        ),
      );
    },
  };
}

/**
 * A file from a byte on, by HTTP's ranges (RFC 9110, 14). A server that answers with all of it, or with another part than
 * was asked for, knows no ranges.
 */
async function fetchRest(
  fetching: typeof fetch,
  address: string,
  token: string,
  from: number,
  refused: (status: number) => never,
): Promise<Rest> {
  const response = await fetching(address, {
    headers: {
      // What is counted and goes on from a byte must be the file itself.
      'Accept-Encoding': 'identity',
      ...(from > 0 && { Range: `bytes=${from}-` }),
      ...(token !== '' && { Authorization: `Bearer ${token}` }),
    },
  });
  const { status, headers, body } = response;
  if (body && status === 200) return { from: 0, bytes: body };
  if (body && status === 206 && from > 0 && headers.get('Content-Range')?.startsWith(`bytes ${from}-`))
    return { from, bytes: body };
  await body?.cancel();
  if (from > 0 && (status === 206 || status === 416)) return fetchRest(fetching, address, token, 0, refused);
  return refused(status);
}

/**
 * Answers may name other hosts: where a file really lies, where a list goes on. The token is for the Hub alone: `fetch`
 * takes it off when it is sent elsewhere, but the library asks for the next page of a list by its address.
 */
function keepingToken(token: string, hubUrl: string): typeof fetch {
  const home = new URL(hubUrl).origin;
  return (input, init) => {
    const headers = new Headers(init?.headers);
    const goesElsewhere = new URL(input instanceof Request ? input.url : input).origin !== home;
    if (goesElsewhere && headers.get('Authorization') === `Bearer ${token}`) headers.delete('Authorization');
    return fetch(input, { ...init, headers });
  };
}

/** The innermost reason that says something: `fetch` wraps what went wrong, and some errors have a code only. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof Error) return reasonOf(error.cause);
  return error.message || ('code' in error ? String(error.code) : error.name);
}

/** HTTP's word for someone who asks too often. */
const tooMany = 429;

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
      if (status !== tooMany && status < 500)
        return badData(where, `the answer ${status} from the Hub`, 'a repository', cause.message, cause);
      return new Unreachable({
        fault: 'data',
        where,
        found: `the answer ${status} from the Hub`,
        expected: 'what was asked for, or the model in the cache',
        advice: 'try again later',
        cause,
      });
  }
}
