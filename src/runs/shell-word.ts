/** @file Quotes words of command lines that users copy, where a shell would split them. */

/** Quotes for a POSIX shell, or for the shells of Windows, where a backslash is a part of paths. */
export function shellWord(word: string, windows = process.platform === 'win32'): string {
  if (windows) return /^[\w:./\\@-]+$/.test(word) ? word : `"${word}"`;
  return /^[\w:./@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
