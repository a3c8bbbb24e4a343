/** @file A program that uses the library, in strict TypeScript that checks the library's declarations as well. */
import { createClassifier, createRun, type RunRequest } from 'neural-antidote';

export async function labelOf(picture: string): Promise<string> {
  const classifier = await createClassifier('exported');
  const [best] = await classifier.classify([picture], 1);
  await classifier.close();
  return best?.[0]?.label ?? `none of ${classifier.manifest.classes.length}`;
}

export async function begun(directory: string, request: RunRequest): Promise<string> {
  const run = await createRun(directory, request);
  await run.close();
  return run.directory;
}
