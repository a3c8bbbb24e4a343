/** @file The library: the functions that the commands are made of, typed, silent and free of global state. */

// Attacks, for research and teaching.
export {
  type Attack,
  type AttackName,
  attackNames,
  attacks,
  type Figure,
  type TriggerRecipe,
} from './attacks/attacks.ts';
export { type BackdoorOptions, type BackdoorTask, backdoor, backdoorDefaults } from './attacks/backdoor.ts';
export type { CaptionRule } from './attacks/captions.ts';
export { makeTrigger, type TriggerTask } from './attacks/make-trigger.ts';
export {
  optimisePatch,
  type PatchGoal,
  type PatchOptimisation,
  type PatchOptions,
  type PictureStream,
} from './attacks/optimised-patch.ts';
export {
  type AttackOptions,
  type BackdoorMeasures,
  checkAttack,
  measureBackdoor,
  type PlantedBackdoor,
  plantBackdoor,
} from './attacks/plant.ts';
export {
  type SteganographyOptions,
  type SteganographyTraining,
  trainSteganography,
} from './attacks/steganography/train.ts';
export { type NamedThreat, openThreat } from './attacks/threat.ts';

// Models: opened, described, written.
export { builtInModels } from './checkpoints/built-in.ts';
export type { Report } from './checkpoints/hub/byte-progress.ts';
export { type ClipDescription, describeClip } from './checkpoints/inspect.ts';
export { openClip } from './checkpoints/open.ts';
export { writeOpenClip } from './checkpoints/write-open-clip.ts';
export type {
  Clip,
  Format,
  Head,
  HubSource,
  LayoutName,
  Origin,
  Parameter,
  Parameters,
  Reading,
  Tokenizer,
} from './clip/clip.ts';
export type {
  Activation,
  ClipConfig,
  Preprocessing,
  ResNetConfig,
  TextConfig,
  VitConfig,
} from './clip/config.ts';

// Pictures and texts to embeddings and heads.
export { type Embeddings, type EncodeOptions, encodePictures } from './clip/encode-pictures.ts';
export { encodeTexts, type TextOptions } from './clip/encode-texts.ts';
export { decodeImage, imageLimits } from './clip/pictures/decode.ts';
export type { Decoders } from './clip/pictures/decode-threads.ts';
export { type BatchOptions, type PictureBatch, pictureBatches } from './clip/pictures/picture-batches.ts';
export type { PictureSet, Pictures } from './clip/pictures/pictures.ts';
export { type PreprocessConfig, preprocess } from './clip/pictures/preprocess.ts';
export type { DecodedImage } from './clip/pictures/resize.ts';
export { zeroShotHead } from './clip/zero-shot.ts';

// Labelled pictures and class lists.
export { type ClassList, openClasses } from './data/classes.ts';
export { type Drawing, emojiClasses, readDrawings } from './data/emoji/emoji.ts';
export type { Design, EmojiClass } from './data/emoji/format.ts';
export type { ShotOptions } from './data/few-shot.ts';
export { type CaptionedPictures, openCaptionedPictures } from './data/listings/image-captions.ts';
export { type Listing, picturesOfFiles, unlabelled } from './data/listings/image-files.ts';
export { type OpenOptions, openPictureSet } from './data/open.ts';

// The defenses: CBPT, its controls and the baselines, run and measured alike.
export type { CbptRecipe } from './defenses/cbpt/controls.ts';
export {
  type Belief,
  beliefInAll,
  type DummyOptions,
  type Inversion,
} from './defenses/cbpt/inversion/dummy-triggers.ts';
export type { DummyTrigger } from './defenses/cbpt/inversion/examine.ts';
export type { Form } from './defenses/cbpt/inversion/forms.ts';
export type { InversionOptions, Variant } from './defenses/cbpt/inversion/invert-trigger.ts';
export {
  type CbptOptions,
  cbptDefaults,
  type Interventions,
  type Purification,
  purify,
} from './defenses/cbpt/purify.ts';
export type { Prompts, TuningOptions } from './defenses/cbpt/tuning/prompts.ts';
export { headWithWord } from './defenses/cbpt/tuning/word-before.ts';
export type { Defender } from './defenses/defender.ts';
export {
  type BlindDefense,
  type Classifying,
  type Cure,
  classifierOf,
  type Defense,
  type DefenseTask,
  defend,
  type HeadCure,
  type OracleDefense,
} from './defenses/defense.ts';
export { type DefenseName, defenseNames, defenses } from './defenses/defenses.ts';
export type { Recipe } from './defenses/recipe.ts';
export { type SeenInCrowd, type SeenShots, seeShots } from './defenses/seen-shots.ts';

// Does a model carry a backdoor?
export { type Scan, scan, scanDefaults } from './detection/scan.ts';
export { type Candidate, type ScanVerdict, type Suspicion, scanLimits } from './detection/suspicion.ts';

// The engine.
export type { Device, Engine, EngineOptions, Program, Tensors } from './engine/engine.ts';
export { openEngine } from './engine/ort-engine.ts';
export { AntidoteError, type ErrorDetails, type Fault } from './errors.ts';
// Measuring.
export { proportion } from './evaluation/clusters.ts';
export {
  type AttackedHead,
  encodeTest,
  handWritten,
  measureHead,
  predictTest,
  type TestEmbeddings,
  type Threat,
} from './evaluation/evaluate.ts';
export { type ClassChange, classChanges, type Harm, harmOf } from './evaluation/harm.ts';
export { type Clusters, confidence, type Interval, type Proportion, wilson } from './evaluation/interval.ts';
export {
  type Measures,
  measure,
  type Percentages,
  type Predictions,
  percentages,
  predict,
  probabilities,
  topAccuracy,
} from './evaluation/metrics.ts';
export {
  compareMethods,
  compareShares,
  type MethodComparison,
  type PairedComparison,
  type Pairing,
} from './evaluation/paired.ts';
export {
  type CheckOptions,
  checkReading,
  type ReadingCheck,
  type ReadingVerdict,
  type TriedReading,
} from './evaluation/reading-check.ts';
export { type SeedMean, seedMean, studentQuantile } from './evaluation/student.ts';
export type { ClassPrediction, ClassPredictions } from './evaluation/top-classes.ts';
// Purified models on disk, classifying with them, and exporting them.
export { type ExportOptions, exportRun } from './export/export-run.ts';
export { type ExportFormat, exportFormats } from './export/formats.ts';
export type { ExportedFile, ExportManifest } from './export/manifest.ts';
export { createClassifier } from './export/node-classifier.ts';
export type { ExportedClassifier } from './export/pixel-classifier.ts';
export { type Manifest, openModelOrRun, openPurified, type Purified, writePurified } from './export/purified.ts';
export { type Classification, type Classifier, openClassifier } from './export/run-classifier.ts';
export type { Graph } from './graph/graph.ts';

// Runs: recorders, checkpoints, stored runs.
export type { RunConfig, RunInput, RunRequest } from './runs/config.ts';
export { openFeatureCache } from './runs/feature-cache.ts';
export { readRun, type StoredRun } from './runs/read.ts';
export {
  type Checkpoint,
  type FeatureIdentity,
  type FeatureRequest,
  type FeatureStore,
  type Recorder,
  type RunEvent,
  unrecorded,
} from './runs/recorder.ts';
export { createRun, openRun, type Run, recorderFor } from './runs/run.ts';

// Tensors and seeded randomness.
export { type Random, randomFor } from './tensor/random.ts';
export { openSafetensors, readTensor, writeSafetensors } from './tensor/safetensors.ts';
export type { DataOf, DType, Shape, StoredTensor, Tensor } from './tensor/tensor.ts';

// Triggers.
export { applyTrigger } from './triggers/apply.ts';
export { badnetFixed, badnetFresh } from './triggers/badnet.ts';
export { blendedFixed, blendedFresh, blendedPicture } from './triggers/blended.ts';
export { readTrigger, type TriggerNotes, writeTrigger } from './triggers/file.ts';
export { writeTriggerPreview } from './triggers/preview.ts';
export { sig } from './triggers/sig.ts';
export type {
  AdditiveTrigger,
  HiddenMessageTrigger,
  MaskPatternTrigger,
  MessageEncoder,
  NoiseBlendTrigger,
  NoisePatchTrigger,
  NoTrigger,
  PatchTrigger,
  Placement,
  Trigger,
  WarpTrigger,
  WavesTrigger,
} from './triggers/trigger.ts';
export { wanet } from './triggers/wanet.ts';
