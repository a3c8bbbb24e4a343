/** @file The library for browsers: classifying with an exported folder, free of Node. */
export {
  type BrowserImage,
  type BrowserOptions,
  createClassifier,
  type OnnxRuntimeWeb,
} from './export/browser-classifier.ts';
export type { ExportedClassifier, Predictions } from './export/exported-classifier.ts';
export type { ExportManifest } from './export/manifest.ts';
