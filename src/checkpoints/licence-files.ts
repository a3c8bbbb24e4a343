/** @file Files that say under which terms a model may be used, where its folder has them. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** The model card, at whose head the Hub's models name their licence. */
export const modelCard = 'README.md';

export function isLicence(file: string): boolean {
  return /^(licen[cs]e|notice|copying)([.-][\w.-]*)?$/i.test(file);
}

/** Paths of the texts in a folder, by name. */
export async function licenceFiles(folder: string): Promise<readonly string[]> {
  const files = (await readdir(folder)).filter(isLicence);
  return files.sort().map((file) => join(folder, file));
}
