/** @file Words of command lines that people copy: quoted where a shell would take them apart. */

/** A word as a POSIX shell reads it back, or as the shells of Windows do, where a backslash is a part of paths. */
export function shellWord(word: string, windows = process.platform === 'win32'): string {
  if (windows) return /^[\w:./\\@-]+$/.test(word) ? word : `"${word}"`;
  return /^[\w:./@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
