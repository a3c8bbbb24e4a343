/** @file Numbers of things in words. */

/** `1 picture`, `2 classes`, `4,000 texts`. */
export function counted(count: number, thing: string): string {
  const plural = thing.endsWith('s') ? `${thing}es` : `${thing}s`;
  return `${count.toLocaleString('en')} ${count === 1 ? thing : plural}`;
}
