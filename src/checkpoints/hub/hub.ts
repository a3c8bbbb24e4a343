/** @file Opens models of the Hugging Face Hub: from the cache that Python uses too, or fetched into it. */
import type { HubSource } from '../../clip/clip.ts';
import { AntidoteError, badData } from '../../errors.ts';
import { byteProgress, type Report } from './byte-progress.ts';
import { type HubCache, openHubCache } from './cache.ts';
import { connect, type HubClient, Unreachable } from './client.ts';
import { isCommit } from './hub-name.ts';
import type { CachedFile } from './partial-download.ts';

export interface HubModel {
  /** A snapshot folder that holds the model's files under their names. */
  readonly folder: string;
  /** Names of the files that are there: links of the cache may lead nowhere. */
  readonly files: readonly string[];
  readonly source: HubSource;
}

/** Files of a repository to fetch. */
export interface Needed {
  readonly required: readonly string[];
  /** Fetched where the repository has them. */
  readonly optional: readonly string[];
  /**
   * Those of the optional files without any of which activation or preprocessing is guessed. A cache that has none is
   * complete only if the commit is known to lack them all.
   */
  readonly deciding: readonly string[];
  /** The repository's terms of use: fetched with the rest, but a cache without them is complete. */
  readonly terms: readonly string[];
}

/** Chooses the files to fetch. Called again after files have arrived, as an index names further ones. */
export type NeededFiles = (where: string, files: readonly string[], folder: string) => Promise<Needed>;

/** A repository, its cache, and which of its files are needed. */
interface Wanted {
  /** The name of repository and revision in errors. */
  readonly where: string;
  readonly cache: HubCache;
  readonly needed: NeededFiles;
}

/**
 * A commit comes from the cache without a request, if all needed files are there. For a branch or a tag the Hub says
 * which commit it is; if the Hub is unreachable, out of order or not to be asked (HF_HUB_OFFLINE), the cache's last
 * answer counts. Only needed files are fetched, and their size and hash checked. An interrupted download continues.
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
  const opened = async (commit: string): Promise<HubModel> => ({
    folder: cache.folder(commit),
    files: (await cache.files(commit)) ?? [],
    source: { ...source, commit },
  });
  if (isCommit(revision) && (await lackOf(wanted, revision, 'optional')) === undefined) return opened(revision);
  const last = isCommit(revision) ? revision : await cache.commitOf(revision);
  if (isTrue(env.HF_HUB_OFFLINE || env.TRANSFORMERS_OFFLINE)) {
    const lack = await lackOf(wanted, last, 'deciding');
    if (lack === undefined) return opened(last!);
    throw badData(wanted.where, lack, 'a cached model, as HF_HUB_OFFLINE is set', 'unset it once');
  }
  const hub = await connect(repository, wanted.where, env);
  let commit: string;
  let listed: ReadonlyMap<string, CachedFile>;
  try {
    commit = await hub.commitOf(revision);
    listed = await hub.list(commit);
  } catch (error) {
    if (error instanceof Unreachable && (await lackOf(wanted, last, 'deciding')) === undefined) return opened(last!);
    throw error;
  }
  await fetchAll(wanted, hub, commit, listed, report);
  // Last: until all files are there, the branch stays at its earlier commit, which may be complete in the cache.
  await cache.remember(revision, commit);
  return opened(commit);
}

/**
 * What the cache lacks of a commit, as the beginning of an error; undefined if nothing. Python may have fetched a part
 * only.
 *
 * @param commit undefined if the cache knows none
 * @param extent which files count beside the required ones: all optional ones, or those without which it is guessed
 */
async function lackOf(
  { where, cache, needed }: Wanted,
  commit: string | undefined,
  extent: 'optional' | 'deciding',
): Promise<string | undefined> {
  const files = commit === undefined ? undefined : await cache.files(commit);
  const wants = files && (await neededOf(needed, where, files, cache.folder(commit!)));
  if (commit === undefined || !wants) return `nothing complete in ${cache.root}`;
  const absent = (paths: readonly string[]) => paths.filter((path) => !files.includes(path));
  const lack = (paths: readonly string[]) => `no ${paths.join(' or ')} in ${cache.folder(commit)}`;
  const [required] = absent(wants.required);
  if (required !== undefined) return lack([required]);
  const further = absent(wants[extent]);
  if (extent === 'deciding' && further.length < wants.deciding.length) return undefined;
  const lacks = await Promise.all(further.map((path) => cache.lacks(commit, path)));
  const open = further.filter((_, at) => !lacks[at]);
  return open.length > 0 ? lack(open) : undefined;
}

/** Fetches the needed files of a commit that the cache lacks, until the files that arrived name no new ones. */
async function fetchAll(
  { where, cache, needed }: Wanted,
  hub: HubClient,
  commit: string,
  listed: ReadonlyMap<string, CachedFile>,
  report: Report | undefined,
): Promise<void> {
  const tell = byteProgress('download', report);
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
      const arrived = (size: number) => tell(done + size, all);
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
