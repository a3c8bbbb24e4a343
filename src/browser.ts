/** @file The library for browsers: classifying with an exported folder, free of Node. */
export type { ClassPrediction, ClassPredictions } from './evaluation/top-classes.ts';
export {
  type BrowserImage,
  type BrowserOptions,
  createClassifier,
  type OnnxRuntimeWeb,
} from './export/browser-classifier.ts';
export type { ExportManifest } from './export/manifest.ts';
export type { ExportedClassifier } from './export/pixel-classifier.ts';
