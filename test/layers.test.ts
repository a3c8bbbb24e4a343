/** @file The architecture as a test: imports point down only, the library is silent, every file says what it is. */
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** From the top down. A folder may import its own files, those of its own row and those of the rows below. */
const layers: readonly (readonly string[])[] = [
  ['index.ts', 'browser.ts'],
  ['cli'],
  ['sweep', 'report', 'export'],
  ['runs'],
  ['defenses', 'detection', 'attacks', 'evaluation'],
  ['training', 'data', 'triggers'],
  ['clip', 'checkpoints'],
  ['graph'],
  ['engine'],
  ['tensor'],
  ['errors.ts'],
];

/** Imports that point up all the same, each with its reason. */
const exceptions: readonly Exception[] = [
  {
    from: /^/,
    to: /^src\/runs\/recorder\.ts$/,
    kind: 'type',
    why: 'a long computation tells a Recorder, which is handed in, how far it is',
  },
  {
    from: /^src\/engine\//,
    to: /^src\/graph\/(graph|value)\.ts$/,
    kind: 'type',
    why: 'an engine is defined by what it compiles',
  },
  {
    from: /^src\/engine\//,
    to: /^src\/graph\/(onnx|leaves|elementwise)\.ts$/,
    kind: 'value',
    why: 'how a graph is written as ONNX belongs to its operations, running it to the engine, which makes a small one to find out whether a device works',
  },
];

interface Exception {
  readonly from: RegExp;
  readonly to: RegExp;
  readonly kind: 'type' | 'value';
  readonly why: string;
}

interface Import {
  readonly to: string;
  readonly kind: 'type' | 'value';
}

const sources = readdirSync(`${root}/src`, { recursive: true, encoding: 'utf8' })
  .map((path) => `src/${path.replaceAll('\\', '/')}`)
  .filter((path) => /\.m?[jt]s$/.test(path))
  .sort();
const library = sources.filter((path) => !/(\.test|\.test-support)\.ts$/.test(path));

function read(path: string): string {
  return readFileSync(`${root}/${path}`, 'utf8');
}

/** Imports of the project's own files, as paths from the root. Type imports inside JSDoc count as `type`. */
function importsOf(path: string): Import[] {
  const statement = /^\s*(?:import|export)\s(type\s)?(?:[^'";]*?\sfrom\s+)?['"](\.[^'"]+)['"]/gm;
  const call = /(\{[^}\n]*)?\bimport\(\s*['"](\.[^'"]+)['"]/g;
  return [...read(path).matchAll(statement), ...read(path).matchAll(call)].map(([, type, target]) => ({
    to: posix.join(posix.dirname(path), target!),
    kind: type ? 'type' : 'value',
  }));
}

/** Index of the row that a file belongs to: 0 is the top. */
function rowOf(path: string): number {
  const row = layers.findIndex((names) => names.includes(path.split('/')[1]!));
  if (row < 0) throw new Error(`${path} belongs to no layer: add its folder to the table in test/layers.test.ts`);
  return row;
}

function isExcepted(from: string, { to, kind }: Import): boolean {
  return exceptions.some(
    (rule) => rule.from.test(from) && rule.to.test(to) && (rule.kind === 'value' || kind === 'type'),
  );
}

test('imports point down only', () => {
  const upward = library.flatMap((path) =>
    importsOf(path)
      .filter((found) => rowOf(found.to) < rowOf(path) && !isExcepted(path, found))
      .map((found) => `${path} imports ${found.to} (${found.kind})`),
  );
  expect(upward).toEqual([]);
});

test('no files import each other in a circle, but for operations, whose gradients are made of operations', () => {
  const imported = new Map(library.map((path) => [path, importsOf(path).map(({ to }) => to)]));
  const reach = (path: string, reached: Set<string>) => {
    for (const to of imported.get(path) ?? []) {
      if (reached.has(to)) continue;
      reached.add(to);
      reach(to, reached);
    }
    return reached;
  };
  const inCircles = library.filter((path) => reach(path, new Set()).has(path));
  expect(inCircles.filter((path) => !path.startsWith('src/graph/'))).toEqual([]);
});

test('every import names a file that exists', () => {
  const all = new Set(sources);
  const missing = sources.flatMap((path) =>
    importsOf(path)
      .filter(({ to }) => to.startsWith('src/') && !all.has(to) && !to.endsWith('.json'))
      .map(({ to }) => `${path} imports ${to}`),
  );
  expect(missing).toEqual([]);
});

test('every package that is imported is a declared dependency', () => {
  const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
  const undeclared = library.flatMap((path) =>
    [...read(path).matchAll(/^\s*(?:import|export)\s(?:[^'";]*?\sfrom\s+)?['"]([^.'"][^'"]*)['"]/gm)]
      .map(([, name]) => name!)
      .filter((name) => !name.startsWith('node:') && !(packageOf(name) in dependencies))
      .map((name) => `${path} imports ${name}`),
  );
  expect(undeclared).toEqual([]);
});

test('what browsers load reaches nothing of Node, however deep', () => {
  const seen = new Set<string>();
  const visit = (path: string) => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const { to, kind } of importsOf(path)) if (kind === 'value') visit(to);
  };
  visit('src/browser.ts');
  const packages = [...seen].flatMap((path) =>
    [...read(path).matchAll(/^\s*(?:import|export)\s(?!type\s)(?:[^'";]*?\sfrom\s+)?['"]([^.'"][^'"]*)['"]/gm)].map(
      ([, name]) => `${path} imports ${name}`,
    ),
  );
  expect(packages).toEqual(['src/export/manifest.ts imports zod/mini']);
});

test('the library does not print and does not exit: only cli/ does', () => {
  const loud = library
    .filter((path) => !path.startsWith('src/cli/'))
    .filter((path) => /\bconsole\.|\bprocess\.(exit|exitCode|stdout|stderr|argv)\b/.test(withoutComments(read(path))));
  expect(loud).toEqual([]);
});

test('every source file opens by saying in one sentence what it is', () => {
  const silent = sources.filter((path) => !/^(#!.*\n)?\/\*\*\s+(\* )?@file \S/.test(read(path)));
  // Tests are named after the file they test, and their names are sentences already.
  expect(silent.filter((path) => !path.endsWith('.test.ts'))).toEqual([]);
});

/** `@scope/name/inner` to `@scope/name`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}
