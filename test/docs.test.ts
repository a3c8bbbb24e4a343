/** @file What the docs point at exists: links, headings in links, and files of the project. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const folders = ['bench', 'data', 'docs', 'models', 'scripts', 'src', 'test'];
const files = [
  ...readdirSync(root),
  ...folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map(
      (file) => `${folder}/${file.replaceAll(sep, '/')}`,
    ),
  ),
];
const pages = files.filter((file) => /^(docs\/)?[^/]+\.md$/.test(file));

/** Written by a run or read from a user's folder: no files of the project. */
const ofRuns = new Set(['purified.json', 'report.json', 'result.json', 'config.json', 'open_clip_config.json']);

describe.each(pages)('%s', (page) => {
  const text = readFileSync(join(root, page), 'utf8');

  test('links lead to files and headings', () => {
    const broken = linksIn(text).filter((link) => !leads(page, link));
    expect(broken).toEqual([]);
  });

  test('names files that there are', () => {
    const missing = filesIn(text).filter((name) => !files.some((file) => `/${file}`.endsWith(`/${name}`)));
    expect(missing).toEqual([]);
  });
});

test('a broken link, a missing heading and a file that moved are seen', () => {
  const text =
    '[a](docs/none.md) [b](docs/method.md#no-such) [c](docs/method.md#stage-1-inversion) `clip/resize.ts` `graph/rule.ts`';
  expect(linksIn(text).map((link) => leads('README.md', link))).toEqual([false, false, true]);
  expect(filesIn(text)).toEqual(['clip/resize.ts', 'graph/rule.ts']);
  expect(files.some((file) => `/${file}`.endsWith('/clip/resize.ts'))).toBe(false);
});

/** Targets of links, but for those to the web. */
function linksIn(text: string): string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target ?? '')
    .filter((target) => !/^\w+:/.test(target));
}

/** Names in backquotes that look like a file of the project. */
function filesIn(text: string): string[] {
  const names = [...text.matchAll(/`([\w./-]+\.(?:ts|mjs|py|yaml|json|md))`/g)].map(([, name]) => name ?? '');
  return names.filter((name) => !ofRuns.has(name));
}

function leads(page: string, link: string): boolean {
  const [path = '', heading] = link.split('#');
  const target = path === '' ? page : posix.join(posix.dirname(page), path);
  if (!files.includes(target.replace(/\/$/, ''))) return false;
  return heading === undefined || headings(readFileSync(join(root, target), 'utf8')).includes(heading);
}

/** Anchors as GitHub derives them: lower case, no punctuation, hyphens for spaces. */
function headings(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    (heading ?? '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/ /g, '-'),
  );
}
