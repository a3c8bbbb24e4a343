/** @file A page that uses the library, in strict TypeScript with nothing but the types of a browser. */
import { type BrowserImage, createClassifier, type ExportManifest, type OnnxRuntimeWeb } from 'neural-antidote/browser';

export async function labelOf(file: BrowserImage, runtime: OnnxRuntimeWeb): Promise<string> {
  const classifier = await createClassifier('/exported/', { runtime });
  const { classes }: ExportManifest = classifier.manifest;
  const [best] = await classifier.classify([file], 1);
  await classifier.close();
  return best?.[0]?.label ?? `none of ${classes.length}`;
}
