/** @file The Hugging Face Hub over HTTP: which commit a revision is, which files it has, and their bytes. */
import { AntidoteError, badData } from '../../errors.ts';
import { isCommit } from './hub-name.ts';
import type { CachedFile, FetchRest, Rest } from './partial-download.ts';

/** The Hub does not answer, or is out of order. This says nothing about the model, which may be in the cache. */
export class Unreachable extends AntidoteError {}

/** A repository of a model has some dozen files beside one another. */
const mostFiles = 10_000;

/** One repository of the Hub. All methods throw {@link Unreachable} if the Hub does not answer. */
export interface HubClient {
  commitOf(revision: string): Promise<string>;
  list(commit: string): Promise<ReadonlyMap<string, CachedFile>>;
  /** Calls `keep` with a function that requests the file. Its failures count as the Hub's, except errors of ours. */
  download(commit: string, file: CachedFile, keep: (rest: FetchRest) => Promise<void>): Promise<void>;
}

/** @param where what errors name */
export async function connect(repository: string, where: string, env: NodeJS.ProcessEnv): Promise<HubClient> {
  // Loaded here, so that opening models on disk does not wait for it.
  const { HubApiError, listFiles, modelInfo } = await import('@huggingface/hub');
  const hubUrl = (env.HF_ENDPOINT || 'https://huggingface.co').replace(/\/+$/, '');
  const token = env.HF_TOKEN?.trim() ?? '';
  if (token !== '' && !token.startsWith('hf_'))
    throw badData('HF_TOKEN', 'a token of another form', 'one that starts with hf_', 'unset it for public models');
  const access = { hubUrl, fetch: keepingToken(token, hubUrl), ...(token !== '' && { accessToken: token }) };
  const request = async <T>(what: string, send: () => Promise<T>): Promise<T> => {
    try {
      return await send();
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
      request(where, async () => {
        const { sha } = await modelInfo({ ...access, name: repository, revision, additionalFields: ['sha'] });
        if (isCommit(sha)) return sha;
        throw badData(where, `the commit ${JSON.stringify(sha)}`, '40 hexadecimal digits', `${hubUrl} is no Hub`);
      }),
    list: (commit) =>
      request(where, async () => {
        const files = new Map<string, CachedFile>();
        for await (const { type, path, size, oid, lfs } of listFiles({
          ...access,
          repo: repository,
          revision: commit,
        })) {
          // Path and hash become file names here, so neither may lead elsewhere.
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
      return request(what, () =>
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
 * Requests a file from a byte on, by HTTP's ranges (RFC 9110, 14). A server that sends all of it, or another part, does
 * not support ranges.
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
      // Offsets count bytes of the file itself, not of a compressed form.
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
 * Removes the token from requests to other hosts. The Hub redirects to them for files, and names them for the next page
 * of a list; `fetch` removes the token on a redirect, but the library requests the next page by its address.
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

/** The message of the innermost cause: `fetch` wraps errors, and some have only a code. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof Error) return reasonOf(error.cause);
  return error.message || ('code' in error ? String(error.code) : error.name);
}

interface Refusal {
  readonly found: string;
  readonly expected: string;
  readonly advice: (page: string) => string;
}

/** By HTTP status. */
const refusals: Readonly<Record<number, Refusal>> = {
  401: {
    found: 'no such repository, or one that is private or gated',
    expected: 'one that may be read',
    advice: (page) => `see ${page}; for a private or gated one set HF_TOKEN to a token that may read it`,
  },
  403: {
    found: 'a gated repository, which this token may not read',
    expected: 'access to it',
    advice: (page) => `ask for it at ${page}, and set HF_TOKEN to your token`,
  },
  404: {
    found: 'no such repository or revision',
    expected: 'one that exists',
    advice: (page) => `see ${page}`,
  },
};

const tooManyRequests = 429;

function refusal(where: string, status: number, page: string, cause: Error): AntidoteError {
  const known = refusals[status];
  if (known) return badData(where, known.found, known.expected, { advice: known.advice(page), cause });
  const found = `the answer ${status} from the Hub`;
  if (status !== tooManyRequests && status < 500)
    return badData(where, found, 'a repository', { advice: cause.message, cause });
  return new Unreachable({
    fault: 'data',
    where,
    found,
    expected: 'what was asked for, or the model in the cache',
    advice: 'try again later',
    cause,
  });
}
