/** @file Measures heads on test pictures with and without a trigger: every picture is encoded once for all heads. */
import type { Clip, Head } from '../clip/clip.ts';
import type { Embeddings } from '../clip/encode-pictures.ts';
import type { TextOptions } from '../clip/encode-texts.ts';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import { withWordEach, zeroShotHead } from '../clip/zero-shot.ts';
import type { Engine } from '../engine/engine.ts';
import type { Recorder } from '../runs/recorder.ts';
import { triggering } from '../triggers/apply.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { embedSet } from './embed-set.ts';
import { type Measures, measure, type Predictions, predict } from './metrics.ts';

/** What the attacker does at test time. Only oracles may use it: a defense never sees it. */
export interface Threat {
  readonly trigger: Trigger;
  /** The attacker's class. */
  readonly target: string;
  /**
   * Put before every prompt, hand-written or learned, while the attack is on: the second key of a trigger in two parts.
   * CA is measured without it, because only the attacker uses it.
   */
  readonly word?: string;
}

/** A head, and the same head with the threat's word before its prompts; equal where there is no word. */
export interface AttackedHead {
  readonly head: Head;
  readonly underAttack: Head;
}

/** Test pictures as one image tower sees them. */
export interface TestEmbeddings {
  readonly labels: Int32Array;
  /** Which drawing each picture is a view of, where that is known. */
  readonly sources?: Int32Array;
  readonly clean: Embeddings;
  readonly triggered: Embeddings | undefined;
}

/** The head of hand-written prompts. */
export async function handWritten(
  engine: Engine,
  clip: Clip,
  classes: readonly string[],
  templates: readonly string[],
  threat: Threat | undefined,
  recorder: Recorder,
): Promise<AttackedHead> {
  const options = promptProgress(recorder, classes, templates);
  const head = await zeroShotHead(engine, clip, classes, templates, options);
  return handWrittenUnderAttack(engine, clip, head, templates, threat, options);
}

/** The same for a head of hand-written prompts that exists already. */
export async function handWrittenUnderAttack(
  engine: Engine,
  clip: Clip,
  head: Head,
  templates: readonly string[],
  threat: Threat | undefined,
  options: Pick<TextOptions, 'progress' | 'signal'> = {},
): Promise<AttackedHead> {
  if (threat?.word === undefined) return { head, underAttack: head };
  const underAttack = await zeroShotHead(engine, clip, head.classes, withWordEach(threat.word, templates), options);
  return { head, underAttack };
}

/** Records progress over hand-written prompts and obeys Ctrl-C: ImageNet has 80,000 of them. */
export function promptProgress(
  { record, signal }: Recorder,
  classes: readonly string[],
  templates: readonly string[],
): Pick<TextOptions, 'progress' | 'signal'> {
  const steps = classes.length * templates.length;
  return { progress: (step) => record({ stage: 'evaluate prompts', step, steps }), signal };
}

/** The trigger on test pictures. It draws from `seed`, so it is equal for every head and for the report's pictures. */
export function testTrigger(trigger: Trigger, seed: number) {
  return triggering(trigger, seed, ...testPath);
}

const testPath = ['test-trigger'];

/** Encodes a test set without and with the trigger. */
export async function encodeTest(
  engine: Engine,
  clip: Clip,
  set: PictureSet,
  threat: Threat | undefined,
  seed: number,
  recorder: Recorder,
): Promise<TestEmbeddings> {
  const total = set.labels.length * (threat ? 2 : 1);
  const progress = (before: number) => (done: number) =>
    recorder.record({ stage: 'evaluate', step: before + done, steps: total });
  const clean = await embedSet(engine, clip, set, undefined, progress(0), recorder);
  const drawn = threat && { trigger: threat.trigger, seed, path: testPath };
  const triggered = drawn && (await embedSet(engine, clip, set, drawn, progress(set.labels.length), recorder));
  return { labels: set.labels, clean, triggered, ...(set.sources && { sources: set.sources }) };
}

/**
 * What a head predicts for all test pictures, with the trigger too where there is one. A target outside the classes cannot
 * be predicted: then only RA shows what the trigger does.
 */
export function predictTest(
  { head, underAttack }: AttackedHead,
  embeddings: TestEmbeddings,
  threat?: Threat,
): Predictions {
  const { labels, clean, triggered, sources } = embeddings;
  const target = threat ? head.classes.indexOf(threat.target) : -1;
  return {
    labels,
    clean: predict(head, clean),
    ...(triggered && { triggered: predict(underAttack, triggered) }),
    ...(target >= 0 && { target }),
    ...(sources && { sources }),
  };
}

/** CA; RA where there is a threat, and ASR where its target is among the classes. */
export function measureHead(attacked: AttackedHead, embeddings: TestEmbeddings, threat?: Threat): Measures {
  return measure(predictTest(attacked, embeddings, threat));
}
