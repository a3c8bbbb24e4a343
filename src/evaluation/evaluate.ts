/** @file Measures heads on test pictures with and without a trigger: every picture is encoded once for all heads. */
import type { Clip, Head } from '../clip/clip.ts';
import type { Embeddings } from '../clip/encode-pictures.ts';
import type { TextOptions } from '../clip/encode-texts.ts';
import type { PictureSet } from '../clip/pictures/pictures.ts';
import { withWordEach, zeroShotHead } from '../clip/zero-shot.ts';
import type { Engine } from '../engine/engine.ts';
import type { Recorder } from '../runs/recorder.ts';
import { triggering } from '../triggers/transform.ts';
import type { Trigger } from '../triggers/trigger.ts';
import { embedSet } from './embed-set.ts';
import { type Measures, measure, type Predictions, predict } from './metrics.ts';

/** What the attacker does at test time. Its use is an oracle's: a defense never sees it. */
export interface Threat {
  readonly trigger: Trigger;
  /** The attacker's class. */
  readonly target: string;
  /**
   * Put before every prompt, hand-written or learned, while the attack is on: the second key of a trigger in two parts.
   * CA is measured without it, for nobody but the attacker says it.
   */
  readonly word?: string;
}

/** Test pictures as one image tower sees them. */
export interface TestEmbeddings {
  readonly labels: Int32Array;
  /** Which drawing each picture is a view of, where that is known. */
  readonly sources?: Int32Array;
  readonly clean: Embeddings;
  readonly triggered: Embeddings | undefined;
}

/** Hand-written prompts as they are while the attack is on. */
export function templatesUnder(threat: Threat | undefined, templates: readonly string[]): readonly string[] {
  return withWordEach(threat?.word, templates);
}

/** A head of hand-written prompts as it is while the attack is on: itself, where the threat has no word. */
export async function handWrittenUnder(
  engine: Engine,
  clip: Clip,
  head: Head,
  templates: readonly string[],
  threat: Threat | undefined,
  options: Pick<TextOptions, 'progress' | 'signal'> = {},
): Promise<Head> {
  if (threat?.word === undefined) return head;
  return zeroShotHead(engine, clip, head.classes, templatesUnder(threat, templates), options);
}

/** The head of hand-written prompts, and the same while the attack is on. */
export async function handWritten(
  engine: Engine,
  clip: Clip,
  classes: readonly string[],
  templates: readonly string[],
  threat: Threat | undefined,
  recorder: Recorder,
): Promise<{ readonly head: Head; readonly underAttack: Head }> {
  const telling = tellingPrompts(recorder, classes, templates);
  const head = await zeroShotHead(engine, clip, classes, templates, telling);
  return { head, underAttack: await handWrittenUnder(engine, clip, head, templates, threat, telling) };
}

/** How far hand-written prompts are is told, and Ctrl-C obeyed: of ImageNet's there are 80,000. */
export function tellingPrompts(
  { record, signal }: Recorder,
  classes: readonly string[],
  templates: readonly string[],
): Pick<TextOptions, 'progress' | 'signal'> {
  const steps = classes.length * templates.length;
  return { progress: (step) => record({ stage: 'evaluate prompts', step, steps }), signal };
}

/** The trigger on test pictures, drawn from `seed`: equal for every head and for the report's pictures. */
export function testTrigger(trigger: Trigger, seed: number) {
  return triggering(trigger, seed, ...testPath);
}

const testPath = ['test-trigger'];

/** Encodes a test set, as it is and with the trigger. */
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
 * What a head says of all test pictures, with the trigger too where there is one. A target that is not among the classes
 * cannot be said: then RA alone tells what the trigger does.
 *
 * @param underAttack the same head with the threat's word before its prompts; where there is no word, the head itself
 */
export function predictTest(
  head: Head,
  embeddings: TestEmbeddings,
  threat?: Threat,
  underAttack: Head = head,
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

/** CA; RA where there is a threat, and ASR where its target is among the classes; `underAttack` as in {@link predictTest}. */
export function measureHead(
  head: Head,
  embeddings: TestEmbeddings,
  threat?: Threat,
  underAttack: Head = head,
): Measures {
  return measure(predictTest(head, embeddings, threat, underAttack));
}
