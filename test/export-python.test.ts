/**
 * @file Exported files in Python: the code of the exported README itself, CoOp's way with a prompt, onnxruntime.
 *
 * Runs where ANTIDOTE_PEER_PYTHON (python3, if it is not set) has the libraries; each test names those that it needs.
 */
import { spawnSync } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Head } from '../src/clip/clip.ts';
import { openEngine } from '../src/engine/ort-engine.ts';
import { exportRun } from '../src/export/export-run.ts';
import { createClassifier } from '../src/export/node-classifier.ts';
import { writeTinyPurified } from '../src/export/purified.test-support.ts';
import { type Engine, openClassifier } from '../src/index.ts';
import { writeSafetensors } from '../src/tensor/safetensors.ts';
import { float32 } from '../src/tensor/tensor.ts';

const python = process.env.ANTIDOTE_PEER_PYTHON ?? 'python3';
const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const picture = path('fixtures/preprocess/images/rgb.jpg');
const classes = ['banana', 'pizza', 'dog', 'cat'];

const environment = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', HF_HUB_OFFLINE: '1', OMP_NUM_THREADS: '1' };

/** `test`, or a skipped one that says which libraries are missing. */
function testWith(modules: readonly string[]) {
  const found = spawnSync(python, ['-c', `import ${modules.join(', ')}`], { env: environment }).status === 0;
  const needs = `needs ${python} with ${modules.join(', ')}`;
  return (name: string, body: () => Promise<void>) =>
    test.skipIf(!found)(found ? name : `${name} (skipped: ${needs}; set ANTIDOTE_PEER_PYTHON)`, body, 180_000);
}

function run(code: string, folder: string): string {
  const { status, stdout, stderr } = spawnSync(python, ['-c', code], {
    cwd: folder,
    env: environment,
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  return stdout.trim().split('\n').at(-1)!;
}

let engine: Engine;
let root: string;
beforeAll(async () => {
  engine = await openEngine({ device: 'cpu', threads: 1 });
  root = await mkdtemp(join(tmpdir(), 'antidote-python-'));
});
afterAll(async () => {
  await engine.close();
  await rm(root, { recursive: true, force: true });
});

async function exported(name: string, model: string): Promise<{ out: string; source: string; head: Head }> {
  const source = join(root, `${name}-run`);
  const { purification } = await writeTinyPurified(engine, model, source, classes);
  const out = join(root, name);
  await exportRun(source, out, { formats: ['text-embeds', 'coop', 'onnx'], bundle: true });
  await copyFile(picture, join(out, 'photo.jpg'));
  return { out, source, head: purification.head };
}

/** Class and probability that the exported README's own Python prints, beside ours. */
async function readMeAgainstOurs(out: string, source: string, digits: number): Promise<void> {
  const code = /```python\n([\s\S]*?)```/.exec(await readFile(join(out, 'README.md'), 'utf8'))?.[1];
  const [, label, share] = /^(.*) ([\d.]+)$/.exec(run(code!, out))!;
  const classifier = await openClassifier(engine, source, () => expect.fail('a run brings its own classes'));
  const [ours] = await classifier.classify([join(out, 'photo.jpg')], 1);
  expect(label).toBe(ours!.predictions[0]!.label);
  expect(Number(share)).toBeCloseTo(ours!.predictions[0]!.probability, digits);
}

testWith(['open_clip', 'safetensors'])(
  "the exported README's Python gives our class and probability with open_clip",
  async () => {
    const { out, source } = await exported('open-clip', 'emoji-clip');
    await readMeAgainstOurs(out, source, 4);
    // CoOp's own steps (trainers/coop.py, TextEncoder) on the exported tensors.
    const rebuilt = run(
      `
import json, open_clip, torch
from safetensors.torch import load_file
model = open_clip.create_model("local-dir:model").eval()
coop = load_file("coop.safetensors")
with torch.no_grad():
    x = torch.cat([coop["token_prefix"], coop["ctx"], coop["token_suffix"]], dim=1) + model.positional_embedding
    x = model.ln_final(model.transformer(x, attn_mask=model.attn_mask))
    ends = coop["tokenized_prompts"].argmax(dim=-1)
    x = torch.nn.functional.normalize(x[torch.arange(len(x)), ends] @ model.text_projection, dim=-1)
print((x - load_file("text_embeds.safetensors")["text_embeds"]).abs().max().item())`,
      out,
    );
    expect(Number(rebuilt)).toBeLessThan(1e-4);
  },
);

testWith(['transformers', 'torch', 'safetensors'])(
  "the exported README's Python gives our class and probability with transformers",
  async () => {
    const { out, source } = await exported('transformers', path('fixtures/clip/hugging-face-quick-gelu'));
    // transformers 5 resizes with torchvision, on numbers rather than bytes: not quite as Pillow does.
    await readMeAgainstOurs(out, source, 2);
  },
);

testWith(['onnxruntime', 'safetensors', 'numpy'])(
  'onnxruntime gives our logits, for one picture and for three, and finds who made the model',
  async () => {
    const { out } = await exported('onnxruntime', 'emoji-clip');
    const classifier = await createClassifier(out, { threads: 1 });
    const { manifest } = classifier;
    await classifier.close();
    const size = manifest.preprocessing.resolution;
    const pixels = new Float32Array(3 * 3 * size * size).map((_, i) => Math.sin(i / 7));
    await writeSafetensors(join(out, 'pixels.safetensors'), { pixels: float32(pixels, [3, 3, size, size]) });
    const answer = JSON.parse(
      run(
        `
import json, onnxruntime
from safetensors.numpy import load_file
pixels = load_file("pixels.safetensors")["pixels"]
session = onnxruntime.InferenceSession("onnx/model.onnx", providers=["CPUExecutionProvider"])
print(json.dumps({
    "one": session.run(None, {"pixel_values": pixels[1:2]})[0].tolist(),
    "three": session.run(["logits"], {"pixel_values": pixels})[0].tolist(),
    "notes": session.get_modelmeta().custom_metadata_map,
}))`,
        out,
      ),
    ) as { one: number[][]; three: number[][]; notes: Record<string, string> };
    const { openOnnxFile } = await import('../src/engine/onnx-file-session.ts');
    const session = await openOnnxFile(join(out, 'onnx', 'model.onnx'), { device: 'cpu', threads: 1 });
    const { logits } = await session.run({ pixel_values: float32(pixels, [3, 3, size, size]) });
    await session.close();
    const ours = logits!.data as Float32Array;
    answer.three.flat().forEach((logit, i) => {
      expect(Math.abs(logit - ours[i]!)).toBeLessThan(1e-3);
    });
    answer.one[0]!.forEach((logit, i) => {
      expect(Math.abs(logit - ours[classes.length + i]!)).toBeLessThan(1e-3);
    });
    expect(answer.notes).toMatchObject({ model_sha256: manifest.model.sha256, head_sha256: manifest.head });
  },
);
