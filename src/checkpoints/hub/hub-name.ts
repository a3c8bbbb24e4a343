/** @file Names of models on the Hugging Face Hub: `hf:org/name@revision`. */
import type { HubSource } from '../../clip/clip.ts';
import { badUsage } from '../../errors.ts';

const defaultRevision = 'main';

/** `org/name` and revision of `hf:org/name@revision`; undefined for any other name. */
export function parseHubName(name: string): Omit<HubSource, 'commit'> | undefined {
  if (!name.startsWith('hf:')) return undefined;
  const match = /^hf:([A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*)(?:@([A-Za-z0-9][\w./-]*))?$/.exec(name);
  const [, repository, revision = defaultRevision] = match ?? [];
  // The Hub forbids "--". The cache writes it in place of the slash, so two names with it could share a folder.
  if (
    repository === undefined ||
    repository.includes('--') ||
    revision.split('/').some((part) => /^\.{0,2}$/.test(part))
  )
    throw badUsage(name, 'no repository of the Hub', 'hf:org/name, or hf:org/name@revision');
  return { repository, revision };
}

/** Whether a revision is a commit, rather than a branch or a tag. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision);
}
