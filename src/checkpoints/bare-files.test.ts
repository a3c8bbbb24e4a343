import { copyFile, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { ClipConfig, VitConfig } from '../clip/config.ts';
import { openAiPreprocessing } from '../clip/config.ts';
import { initialParameters, parameterPlan } from '../clip/initialise.ts';
import { logitScale } from '../clip/zero-shot.ts';
import { randomFor } from '../tensor/random.ts';
import { openSafetensors, readTensor, writeSafetensors } from '../tensor/safetensors.ts';
import { float32, type StoredTensor, type Tensor } from '../tensor/tensor.ts';
import { inferConfig } from './config/infer.ts';
import { knownModels } from './config/known-architectures.ts';
import { toOpenClipConfig } from './config/open-clip.ts';
import { openAiLayout } from './key-map.ts';
import { openClip } from './open.ts';

const text = { width: 64, layers: 2, heads: 1, context: 9, vocabulary: 50, hidden: 96 };
const vit: ClipConfig = {
  image: { kind: 'vit', width: 128, layers: 3, heads: 2, patch: 4, resolution: 12, hidden: 160 },
  text,
  embedding: 24,
  activation: 'quick-gelu',
  preprocessing: openAiPreprocessing,
};
const resnet: ClipConfig = {
  ...vit,
  image: { kind: 'resnet', width: 8, layers: [2, 1, 3, 1], heads: 4, resolution: 96 },
};

/** A folder with the weights of a new model as a bare file. */
async function bare(config: ClipConfig, rename = (name: string) => name, file = 'weights'): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'antidote-')), file);
  const parameters = Object.entries(initialParameters(config, randomFor(1)));
  await writeSafetensors(path, Object.fromEntries(parameters.map(([name, tensor]) => [rename(name), tensor])));
  return path;
}

/** wkcn/TinyCLIP, src/open_clip/model.py, convert_to_new_checkpoint. */
function tinyClipName(name: string): string {
  const half = name.startsWith('visual.')
    ? '_image_encoder'
    : name === 'logit_scale'
      ? '_logit_scale'
      : '_text_encoder';
  return `${half}.${name}`;
}

async function edit(path: string, change: (tensors: Record<string, Tensor>) => void): Promise<string> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, stored] of (await openSafetensors(path)).tensors) tensors[name] = await readTensor(stored);
  change(tensors);
  await writeSafetensors(path, tensors);
  return path;
}

test.each([
  ['ViT', vit],
  ['ModifiedResNet', resnet],
])('the architecture of a bare %s is read off its shapes, under any file name', async (_, config) => {
  const clip = await openClip(await bare(config));
  expect(clip.config).toEqual(config);
  expect(clip.format).toBe('state-dict');
  expect(clip.reading).toMatchObject({
    container: 'safetensors',
    layout: 'openai',
    known: null,
    origins: {
      architecture: { from: 'shapes' },
      heads: { from: 'assumed' },
      activation: { from: 'assumed' },
      preprocessing: { from: 'assumed' },
      tokenizer: { from: 'known' },
    },
  });
});

test.each<[string, (name: string, index: number) => string]>([
  ['module.', (name) => `module.${name}`],
  ['_orig_mod.', (name) => `_orig_mod.${name}`],
  ['both, in one order', (name) => `module._orig_mod.${name}`],
  ['both, in the other', (name) => `_orig_mod.module.${name}`],
  ['some of them here and there', (name, i) => ['', 'module.', '_orig_mod.', 'module.module.'][i % 4] + name],
  ['a compiled tower inside', (name) => name.replace(/^visual\./, 'visual._orig_mod.')],
  ['an attribute that held the model', (name) => `model.module.${name}`],
  [
    "open_clip's text tower",
    (name) => `module.${name.startsWith('visual.') || name === 'logit_scale' ? '' : 'text.'}${name}`,
  ],
  ["TinyCLIP's halves", (name) => tinyClipName(name)],
  ["TinyCLIP's halves, trained distributed", (name) => tinyClipName(name).replace('.', '.module.')],
  [
    "TinyCLIP's halves as a pruned file calls them, wrapped once more",
    (name) => `module.${tinyClipName(name).replace(/^_(image|text)_encoder/, '$1_encoder_without_ddp')}`,
  ],
])('wrappers of names are removed: %s', async (_, wrap) => {
  let index = 0;
  const clip = await openClip(await bare(vit, (name) => wrap(name, index++)));
  expect(clip.config).toEqual(vit);
  expect([...clip.parameters.keys()]).toEqual([...parameterPlan(vit).keys()]);
});

test('a TinyCLIP that is pruned, or is being pruned, is refused as such', async () => {
  const path = await bare(vit, tinyClipName);
  const mask = '_image_encoder.l0_module.hidden_loga';
  await edit(path, (tensors) => {
    tensors[mask] = float32(new Float32Array(128), [128]);
  });
  await expect(openClip(path)).rejects.toThrow(
    /tensor "l0_module\.hidden_loga": found a mask of a pruning that is going on, .*TinyCLIP's manual ones/,
  );
  await edit(path, (tensors) => {
    delete tensors[mask];
    const heads = '_image_encoder.visual.transformer.resblocks.1.attn.in_proj_weight';
    tensors[heads] = float32(new Float32Array(3 * 64 * 128), [3 * 64, 128]);
  });
  await expect(openClip(path)).rejects.toThrow(
    /resblocks\.1\.attn\.in_proj_weight": found shape \[192, 128\], expected \[384, 128\], .*this one has been pruned/,
  );
  const thinner = await edit(await bare(vit, tinyClipName), (tensors) => {
    tensors['_text_encoder.transformer.resblocks.1.mlp.c_fc.weight'] = float32(new Float32Array(50 * 64), [50, 64]);
  });
  await expect(openClip(thinner)).rejects.toThrow(
    /"transformer\.resblocks\.1\.mlp\.c_fc\.weight": found shape \[50, 64\], expected \[96, 64\], .*has been pruned/,
  );
});

test('the reading lists every removed prefix and every ignored tensor', async () => {
  const path = await edit(await bare(resnet, (name) => `module.${name}`), (tensors) => {
    tensors['module.input_resolution'] = { dtype: 'int64', shape: [], data: BigInt64Array.of(96n) };
    tensors['module.visual.bn1.num_batches_tracked'] = { dtype: 'int64', shape: [], data: BigInt64Array.of(7n) };
  });
  expect((await openClip(path)).reading).toMatchObject({
    prefixes: ['module.'],
    ignored: ['input_resolution', 'visual.bn1.num_batches_tracked'],
    dtypes: { float32: parameterPlan(resnet).size },
  });
});

test('the count of averaged models is ignored', async () => {
  const path = await edit(await bare(vit, (name) => `module.${name}`), (tensors) => {
    tensors.n_averaged = { dtype: 'int64', shape: [], data: BigInt64Array.of(3n) };
  });
  expect((await openClip(path)).reading.ignored).toEqual(['n_averaged']);
});

test('a temperature in double precision is read, and NaN is refused', async () => {
  const path = await bare(vit);
  await withDoubleScale(path, 2.5);
  expect(await logitScale(await openClip(path))).toBeCloseTo(Math.exp(2.5), 4);
  await withDoubleScale(path, Number.NaN);
  await expect(openClip(path)).rejects.toThrow(/"logit_scale": found NaN or infinity at position 0/);
});

/** Turns the last tensor of the file into a double, stored after all others. */
async function withDoubleScale(path: string, scale: number): Promise<void> {
  const bytes = await readFile(path);
  const start = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, start).toString());
  const [from, to] = header.logit_scale.data_offsets;
  const data = bytes.subarray(start);
  const own = Buffer.alloc(8);
  own.writeDoubleLE(scale);
  for (const entry of Object.values<{ data_offsets: number[] }>(header)) {
    if (entry.data_offsets[0]! >= to) entry.data_offsets = entry.data_offsets.map((offset) => offset - (to - from));
  }
  const end = data.length - (to - from);
  header.logit_scale = { dtype: 'F64', shape: [], data_offsets: [end, end + 8] };
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  await writeFile(path, Buffer.concat([length, text, data.subarray(0, from), data.subarray(to), own]));
}

test('a file under the name that its format gives it finds the configuration beside it', async () => {
  const folder = fileURLToPath(new URL('../../test/fixtures/clip/hugging-face-quick-gelu/', import.meta.url));
  const path = join(await mkdtemp(join(tmpdir(), 'antidote-')), 'model.safetensors');
  await copyFile(join(folder, 'model.safetensors'), path);
  // Its heads are 12 and 8 wide, which no shape shows.
  await expect(openClip(path)).rejects.toThrow(/an image encoder of width 48 and no configuration/);
  for (const file of ['config.json', 'preprocessor_config.json'])
    await copyFile(join(folder, file), join(path, '..', file));
  expect(await openClip(path)).toMatchObject({ config: (await openClip(folder)).config, format: 'hugging-face' });
});

test("an open_clip configuration under the file's own name counts, whole or only its model_cfg", async () => {
  const other: ClipConfig = {
    ...vit,
    image: { ...vit.image, heads: 8 },
    activation: 'gelu',
    preprocessing: { ...openAiPreprocessing, mean: [0.5, 0.5, 0.5] },
  };
  const path = await bare(vit, undefined, 'my.model.pt');
  const config = toOpenClipConfig(other) as { model_cfg: object };
  await writeFile(join(path, '..', 'my.model.json'), JSON.stringify(config));
  const whole = await openClip(path);
  expect(whole.config).toEqual(other);
  expect(whole.reading.origins.activation).toEqual({ from: 'config', note: 'my.model.json' });
  await writeFile(join(path, '..', 'my.model.json'), JSON.stringify(config.model_cfg));
  const part = await openClip(path);
  expect(part.config).toEqual({ ...other, preprocessing: openAiPreprocessing });
  expect(part.reading.origins.preprocessing.from).toBe('assumed');
});

test.each([
  ['a log', '{"loss": [2.3, 1.9]}'],
  ['arguments that mention a key', '{"model": {"embed_dim": 512}}'],
  ['a list', '["embed_dim"]'],
  ['lines of JSON', '{"step": 1}\n{"step": 2}\n'],
  ['more than a configuration can be', `{"all": "${'x'.repeat(2 ** 20)}", "embed_dim": 512}`],
])('JSON beside a bare file that is no configuration, %s, is ignored', async (_, json) => {
  const path = await bare(vit, undefined, 'epoch_7.pt');
  await writeFile(join(path, '..', 'epoch_7.json'), json);
  const { config, reading } = await openClip(path);
  expect(config).toEqual(vit);
  expect(reading.origins.architecture.from).toBe('shapes');
});

test('a faulty configuration beside a bare file is refused, and named', async () => {
  const path = await bare(vit, undefined, 'epoch_7.pt');
  await writeFile(join(path, '..', 'epoch_7.json'), '{"model_cfg": {"embed_dim": 24,}}');
  await expect(openClip(path)).rejects.toThrow(/epoch_7\.json: found text that is not JSON/);
});

test("tokens added to OpenAI's make the tokenizer assumed, and another vocabulary without its tokenizer is refused", async () => {
  const withTokens = async (vocabulary: number) => {
    const config: ClipConfig = { ...vit, text: { ...text, width: 8, hidden: 8, vocabulary } };
    const path = await bare(config);
    await writeFile(`${path}.json`, JSON.stringify(toOpenClipConfig(config)));
    return path;
  };
  expect((await openClip(await withTokens(49_408))).reading.origins.tokenizer.from).toBe('known');
  expect((await openClip(await withTokens(49_418))).reading.origins.tokenizer.from).toBe('assumed');
  await expect(openClip(await withTokens(50_000))).rejects.toThrow(/weights\.json: found embeddings of 50000 tokens/);
});

test('a folder with one file of weights and no configuration opens like the bare file', async () => {
  const path = await bare(vit, undefined, 'epoch_7.safetensors');
  await writeFile(join(path, '..', 'optimizer.pt'), 'not weights');
  expect((await openClip(join(path, '..'))).config).toEqual(vit);
});

test('weights under any name are found beside a configuration', async () => {
  const path = await bare(vit, undefined, 'epoch_7.safetensors');
  await writeFile(join(path, '..', 'open_clip_config.json'), JSON.stringify(toOpenClipConfig(vit)));
  expect(await openClip(join(path, '..'))).toMatchObject({ format: 'open-clip', config: vit });
});

test('every known architecture is recognised by its shapes, with its heads', async () => {
  const models = await knownModels();
  expect(models.length).toBeGreaterThanOrEqual(35);
  for (const { name, image, text: textConfig, embedding, readings } of models) {
    const { activation, preprocessing } = readings[0];
    const config: ClipConfig = { image, text: textConfig, embedding, activation, preprocessing };
    const found = await inferConfig('x.pt', openAiLayout, onlyShapes(config), '0'.repeat(64));
    expect(found.config, name).toEqual(config);
    expect(found.known).toBe(name);
    expect(found.origins.heads).toEqual({ from: 'known', note: `as in ${name}` });
  }
});

test("OpenAI's files are known by their hash; facts that fit several releases are assumed", async () => {
  const known = (await knownModels()).find(({ name }) => name === 'ViT-L-14')!;
  const shapes = onlyShapes({ ...known, ...known.readings[0] });
  const hash = known.readings[0].sha256!;
  const published = await inferConfig('ViT-L-14.pt', openAiLayout, shapes, hash);
  expect(published.origins.activation).toEqual({
    from: 'known',
    note: 'the file of ViT-L-14 that openai published',
  });
  const other = await inferConfig('ViT-L-14.pt', openAiLayout, shapes, '0'.repeat(64));
  expect(other.origins.activation).toMatchObject({ from: 'assumed', note: expect.stringContaining('others differ') });
  expect(other.origins.preprocessing.from).toBe('assumed');
  const archive = await inferConfig('ViT-L-14.pt', openAiLayout, shapes, '0'.repeat(64), "OpenAI's archive");
  expect(archive).toMatchObject({
    config: { activation: 'quick-gelu' },
    origins: { activation: { from: 'known', note: "OpenAI's archive" } },
  });
});

test.each(['RN50', 'RN101', 'RN50x4', 'RN50x16', 'RN50x64', 'ViT-L-14-336', 'ViT-H-14-378'])(
  "the activation of other weights of %s is assumed: all published ones have OpenAI's, open_clip's configuration gives GELU",
  async (name) => {
    const known = (await knownModels()).find((model) => model.name === name)!;
    const shapes = onlyShapes({ ...known, ...known.readings[0] });
    const other = await inferConfig('epoch_32.pt', openAiLayout, shapes, '0'.repeat(64));
    expect(other.config.activation).toBe('quick-gelu');
    expect(other.origins.activation).toEqual({
      from: 'assumed',
      note: `that of ${name} by ${known.readings[0].by[0]}; others differ`,
    });
    const archive = await inferConfig('x.pt', openAiLayout, shapes, '0'.repeat(64), "OpenAI's archive");
    expect(archive.origins.activation.from).toBe('known');
    const { sha256 } = known.readings[0];
    if (sha256 === undefined) return;
    const published = await inferConfig('x.pt', openAiLayout, shapes, sha256);
    expect(published.origins.activation.from).toBe('known');
  },
);

test('where all published weights have what their configuration gives, the activation is known', async () => {
  const known = (await knownModels()).find(({ name }) => name === 'ViT-g-14')!;
  const shapes = onlyShapes({ ...known, ...known.readings[0] });
  const { origins } = await inferConfig('x.pt', openAiLayout, shapes, '0'.repeat(64));
  expect(origins.activation).toEqual({ from: 'known', note: 'that of all known ViT-g-14 (laion2b_s12b_b42k, ...)' });
  const unpublished = (await knownModels()).find(({ name }) => name === 'ViT-M-32')!;
  const own = onlyShapes({ ...unpublished, ...unpublished.readings[0] });
  expect((await inferConfig('x.pt', openAiLayout, own, '0'.repeat(64))).origins.activation).toEqual({
    from: 'assumed',
    note: 'that of ViT-M-32 by its configuration; no weights of it are known',
  });
});

test.each(['ViT-H-14', 'ViT-g-14', 'ViT-bigG-14', 'ViT-e-14'])(
  'the heads of %s, which are not as wide as others, are known at any resolution and with any vocabulary',
  async (name) => {
    const known = (await knownModels()).find((model) => model.name === name)!;
    const image = known.image as VitConfig;
    const { activation } = known.readings[0];
    const others: readonly [difference: string, towers: Pick<ClipConfig, 'image' | 'text'>][] = [
      ['resolution', { ...known, image: { ...image, resolution: 280 } }],
      ['vocabulary', { ...known, text: { ...known.text, vocabulary: 49_500 } }],
      ['resolution and context', { image: { ...image, resolution: 336 }, text: { ...known.text, context: 64 } }],
    ];
    for (const [difference, towers] of others) {
      const { embedding } = known;
      const config: ClipConfig = { ...towers, embedding, activation, preprocessing: openAiPreprocessing };
      const found = await inferConfig('x.pt', openAiLayout, onlyShapes(config), '0'.repeat(64));
      expect(found.config.image, difference).toEqual(towers.image);
      expect(found.config.text, difference).toEqual(towers.text);
      expect(found.config.activation, difference).toBe(activation);
      expect(found.origins.heads).toEqual({ from: 'known', note: `as in ${name}, but for ${difference}` });
      expect(found.known).toBeNull();
    }
  },
);

test('the activation of known towers is known if all models agree on it; an OpenAI archive has its own', async () => {
  const models = await knownModels();
  const larger = (name: string) => {
    const { image, text: words, embedding } = models.find((model) => model.name === name)!;
    const config = { ...vit, image: { ...(image as VitConfig), resolution: 280 }, text: words, embedding };
    return onlyShapes(config);
  };
  const g = await inferConfig('x.pt', openAiLayout, larger('ViT-g-14'), '0'.repeat(64));
  expect(g.origins.activation).toMatchObject({
    from: 'known',
    note: expect.stringMatching(/^that of all known ViT-g-14/),
  });
  const h = await inferConfig('x.pt', openAiLayout, larger('ViT-H-14'), '0'.repeat(64));
  expect(h.origins.activation).toMatchObject({ from: 'assumed', note: expect.stringMatching(/ViT-H-14 by .*differ/) });
  const archive = await inferConfig('x.pt', openAiLayout, larger('ViT-H-14'), '0'.repeat(64), "OpenAI's archive");
  expect(archive).toMatchObject({
    config: { activation: 'quick-gelu', image: { heads: 16 } },
    origins: { activation: { from: 'known', note: "OpenAI's archive" } },
  });
});

test('towers of two known models have the heads of each; an unknown tower has assumed heads, by its width', async () => {
  const models = await knownModels();
  const { image } = models.find(({ name }) => name === 'ViT-g-14')!;
  const { text: words } = models.find(({ name }) => name === 'ViT-bigG-14')!;
  const two = await inferConfig('x.pt', openAiLayout, onlyShapes({ ...vit, image, text: words }), '0'.repeat(64));
  expect(two.config).toMatchObject({ image: { heads: 16 }, text: { heads: 20 } });
  expect(two.origins.heads).toEqual({ from: 'known', note: 'image: as in ViT-g-14; text: as in ViT-bigG-14' });
  const one = await inferConfig('x.pt', openAiLayout, onlyShapes({ ...vit, image }), '0'.repeat(64));
  expect(one.config).toMatchObject({ image: { heads: 16 }, text: { heads: 1 } });
  expect(one.origins.heads).toMatchObject({
    from: 'assumed',
    note: expect.stringMatching(/^image: as in ViT-g-14; text: the width over 64/),
  });
});

/** Tensors of the right shapes, without a file. */
function onlyShapes(config: ClipConfig): Map<string, StoredTensor> {
  const plan = [...parameterPlan(config)];
  return new Map(
    plan.map(([name, { shape }]) => [name, { path: 'x.pt', dtype: 'float32', shape, offset: 0, length: 0 }]),
  );
}

const scalar = float32(Float32Array.of(1), []);

const refusals: readonly [what: string, spoil: (tensors: Record<string, Tensor>) => void, message: RegExp][] = [
  [
    'a missing block',
    (t) => removeAll(t, /resblocks\.1\./),
    /found "visual\.transformer\.resblocks\.2\..* besides CLIP's/,
  ],
  [
    'a missing bias',
    (t) => removeAll(t, /^transformer\.resblocks\.1\.mlp\.c_fc\.bias$/),
    /found no "transformer\.resblocks\.1\.mlp\.c_fc\.bias", expected every parameter that the other shapes call/,
  ],
  [
    'a left-over tensor',
    (t) => {
      t['visual.extra'] = t.logit_scale!;
    },
    /found "visual\.extra" besides CLIP's parameters/,
  ],
  [
    'one parameter under two prefixes',
    (t) => {
      t['module.logit_scale'] = t.logit_scale!;
    },
    /tensor "module\.logit_scale": found the parameter that "logit_scale" is already/,
  ],
  [
    'two models',
    (t) => {
      for (const [name, tensor] of Object.entries(t)) t[`ema.${name}`] = tensor;
    },
    /found the image encoders ("visual\.conv1\.weight", "ema\.visual|"ema\.visual\.conv1\.weight", "vis).*expected one model/,
  ],
  [
    'positions that fill no square',
    (t) => {
      t['visual.positional_embedding'] = { dtype: 'float32', shape: [9, 128], data: new Float32Array(9 * 128) };
    },
    /"visual\.positional_embedding": found 9 positions, expected one for every place of a square and one more/,
  ],
  ['no image encoder', (t) => removeAll(t, /^visual\./), /one encoder of a CLIP alone/],
  [
    'a SigLIP',
    (t) => {
      removeAll(t, /^visual\./);
      t['visual.trunk.blocks.0.norm1.weight'] = t.logit_scale!;
    },
    /a CLIP whose image encoder is one of timm \(tensors called /,
  ],
  [
    'a SigLIP of transformers, which has the landmark of its CLIPs',
    (t) => {
      removeAll(t, /./);
      for (const name of ['vision_model.embeddings.patch_embedding.weight', 'vision_model.head.probe', 'logit_bias'])
        t[name] = scalar;
    },
    /found a SigLIP \(tensors called .*; only CLIPs made of a ViT or a ModifiedResNet/,
  ],
  [
    'a CoCa, which has the landmark of a CLIP',
    (t) => {
      t['module.text_decoder.resblocks.0.ln_1.weight'] = scalar;
    },
    /found a CoCa \(tensors called .*; only CLIPs made of/,
  ],
  [
    'a LoRA adapter saved with its model',
    (t) => {
      t['base_model.model.visual.proj.lora_A.default.weight'] = scalar;
    },
    /found a LoRA adapter \(tensors called .*; merge it into its base model first/,
  ],
  [
    'a SLIP',
    (t) => {
      removeAll(t, /^visual\./);
      for (const name of ['visual.cls_token', 'visual.blocks.0.attn.qkv.weight', 'image_projection'])
        t[`module.${name}`] = scalar;
    },
    /found a SLIP, whose image encoder is one of timm \(tensors called .*; only CLIPs made of/,
  ],
  ['no tensors', (t) => removeAll(t, /./), /found no tensors, expected a CLIP with both encoders/],
];

function removeAll(tensors: Record<string, Tensor>, names: RegExp): void {
  for (const name of Object.keys(tensors).filter((name) => names.test(name))) delete tensors[name];
}

test.each(refusals)('a bare file with %s is refused, and named', async (_, spoil, message) => {
  const path = await edit(await bare(vit), spoil);
  await expect(openClip(path)).rejects.toMatchObject({ fault: 'data', message: expect.stringMatching(message) });
});

test('the data files of known architectures are named after their model', async () => {
  const folder = fileURLToPath(new URL('../../data/architectures/', import.meta.url));
  const names = (await readdir(folder)).map((file) => file.replace(/\.json$/, ''));
  expect(new Set((await knownModels()).map(({ name }) => name))).toEqual(new Set(names));
});
