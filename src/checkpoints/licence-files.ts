/** @file Files with the terms of use of a model, where its folder has them. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** The model card, whose head names the licence of a model on the Hub. */
export const modelCard = 'README.md';

export function isLicence(file: string): boolean {
  return /^(licen[cs]e|notice|copying)([.-][\w.-]*)?$/i.test(file);
}

/** Paths of the texts in a folder, by name. */
export async function licenceFiles(folder: string): Promise<readonly string[]> {
  const files = (await readdir(folder)).filter(isLicence);
  return files.sort().map((file) => join(folder, file));
}
