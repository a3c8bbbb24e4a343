/** @file `README.md` of an exported folder: what it is and how to use each of its files, with code that runs unchanged. */
import { builtInFolder } from '../checkpoints/built-in.ts';
import type { Format } from '../clip/clip.ts';
import { bundledModel } from './base-model.ts';
import { coopFile } from './coop.ts';
import type { Evidence } from './evidence.ts';
import type { ExportManifest } from './manifest.ts';
import { onnxModel } from './onnx-files.ts';
import { textEmbedsFile } from './text-embeds.ts';

/** A model's place for Python: a folder, or a commit on the Hub. */
type Place = string | { readonly repository: string; readonly commit: string };

/** JSON's strings are valid in Python: no name can end one. */
const quoted = JSON.stringify;
const atCommit = ({ repository, commit }: Exclude<Place, string>) =>
  `${quoted(repository)}, revision=${quoted(commit)}`;

/** Python that embeds `photo.jpg` with a model, for the layouts that a Python library opens. */
const embeddings: { readonly [F in Format]?: (place: Place) => readonly string[] } = {
  'open-clip': (place) => [
    'import json, open_clip, torch',
    ...(typeof place === 'string' ? [] : ['from huggingface_hub import snapshot_download']),
    'from PIL import Image',
    'from safetensors import safe_open',
    '',
    // open_clip's own `hf-hub:` cannot name a commit, and a head fits only one.
    ...(typeof place === 'string'
      ? [`model, _, preprocess = open_clip.create_model_and_transforms(${quoted(`local-dir:${place}`)})`]
      : [
          `folder = snapshot_download(${atCommit(place)}, allow_patterns=["open_clip_*"])`,
          'model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{folder}")',
        ]),
    'with torch.no_grad():',
    '    image = model.eval().encode_image(preprocess(Image.open("photo.jpg")).unsqueeze(0))',
  ],
  'hugging-face': (place) => [
    'import json, torch',
    'from PIL import Image',
    'from safetensors import safe_open',
    'from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection',
    '',
    `pixels = CLIPImageProcessor.from_pretrained(${pretrained(place)})(Image.open("photo.jpg").convert("RGB"), return_tensors="pt")`,
    'with torch.no_grad():',
    // transformers 5 computes in the precision of the file, which may be half; the head is in single.
    `    image = CLIPVisionModelWithProjection.from_pretrained(${pretrained(place)}).eval()(**pixels).image_embeds.float()`,
  ],
};

function pretrained(place: Place): string {
  return typeof place === 'string' ? quoted(place) : atCommit(place);
}

/** Python from an embedding `image` to a class. */
const classification = [
  `with safe_open("${textEmbedsFile}", "pt") as head:`,
  '    classes = json.loads(head.metadata()["classes"])',
  '    texts, scale = head.get_tensor("text_embeds"), head.get_tensor("logit_scale").exp()',
  'shares = (scale * torch.nn.functional.normalize(image, dim=-1) @ texts.T).softmax(dim=-1)',
  'print(classes[shares.argmax()], shares.max().item())',
];

type Measured = NonNullable<Evidence['measured']>;
type About = Omit<ExportManifest, 'files'>;

/**
 * @param files the other files of the folder, as relative paths
 * @param evidence undefined for an export that is exported again: only the run has it
 */
export function readMe(about: About, files: readonly string[], format: Format, evidence: Evidence | undefined): string {
  const has = (path: string) => files.includes(path);
  const bundled = files.some((path) => path.startsWith(`${bundledModel}/`));
  return [
    ...introduction(about, bundled || has(onnxModel)),
    ...evidenceSection(evidence),
    ...(bundled ? antidoteSection() : []),
    ...(has(textEmbedsFile) ? pythonSection(about, format, bundled) : []),
    ...(has(onnxModel) ? onnxSection(about) : []),
    ...(has(coopFile) ? coopSection() : []),
    '',
  ].join('\n');
}

function introduction({ model, classes, method, antidote, run }: About, weights: boolean): readonly string[] {
  const licence = model.licence ?? 'not stated where the model was found; ask whoever published it';
  return [
    `# ${model.name}, purified`,
    '',
    `A classifier of ${classes.length} classes: the untouched image encoder of a CLIP model, and a head that`,
    `neural-antidote ${antidote} made for it by ${method}, to keep a`,
    'backdoor in the encoder from reaching the classes. Any other head on the same encoder may still show it.',
    '',
    `* Base model: \`${model.name}\`, SHA-256 of its weights \`${model.sha256}\`. The head fits no other weights.`,
    weights
      ? '* The weights of the image encoder are in this folder.'
      : '* The weights are not in this folder: take the model of that hash.',
    `* Licence of the base model: ${licence}.`,
    ...(run ? [`* Made by \`antidote ${run.command}\`, begun ${run.started}.`] : []),
    '* `export.json` says what each file is, with hashes.',
  ];
}

function evidenceSection(evidence: Evidence | undefined): readonly string[] {
  const title = ['', '## What was found and measured', ''];
  if (!evidence) return [...title, 'The README of the folder that this one was exported from says it.'];
  const { finding, tunedAgainst, measured } = evidence;
  return [
    ...title,
    ...(finding ? [`* ${foundIn(finding)}`] : []),
    tunedAgainst.length > 0
      ? `* The prompts were tuned against dummy triggers, stand-ins for the attacker's, that lead to ${listed(tunedAgainst)}.`
      : '* The prompts were tuned on clean pictures alone, which is a weak defense: no dummy trigger was believed.',
    ...(measured
      ? measurements(measured)
      : ['* Nothing was measured: its accuracy is not known. `antidote evaluate` measures it.']),
  ];
}

function foundIn({ verdict, targets }: NonNullable<Evidence['finding']>): string {
  if (verdict === 'backdoor') return `The base model carries a backdoor that sends pictures to ${listed(targets)}.`;
  return verdict === 'clean'
    ? 'No backdoor was found in the base model, which is no proof that it has none.'
    : 'Whether the base model carries a backdoor is undecided.';
}

function measurements({ attack, target, undefended, purified }: Measured): readonly string[] {
  const right = `${percent(purified.ca)} of ${purified.n} clean test pictures are read rightly (hand-written prompts: ${percent(undefended.ca)}).`;
  if (attack === null || purified.ra === null) {
    const measuring = '`antidote evaluate` with `--trigger` does.';
    return [`* ${right}`, `* No trigger was tried: nothing measured tells whether one still works. ${measuring}`];
  }
  const before = (share: number | null) => (share === null ? '' : ` (hand-written prompts: ${percent(share)})`);
  const taken =
    purified.asr === null ? '' : `${percent(purified.asr)} are taken for ${quoted(target)}${before(undefended.asr)}, `;
  // A trigger file's path is the exporter's own.
  const name = attack.replace(/^.*[\\/]/, '');
  return [
    `* ${right}`,
    `* With the trigger \`${name}\`, ${taken}${percent(purified.ra)} are read rightly${before(undefended.ra)}. That proves nothing about another trigger.`,
  ];
}

const percent = (share: number) => `${share.toFixed(1)} %`;
const listed = (classes: readonly string[]) => classes.map((name) => quoted(name)).join(' and ');

function antidoteSection(): readonly string[] {
  // No command that fetches the package by name: the published one may differ from the one that made this folder.
  const command = 'antidote classify . photo.jpg';
  return ['', '## Command line', '', 'In this folder, with neural-antidote installed:', '', '```sh', command, '```'];
}

function pythonSection({ model }: About, format: Format, bundled: boolean): readonly string[] {
  const place = bundled ? bundledModel : placeOf(model);
  const embedded = (place && embeddings[format]?.(place)) ?? [
    'import json, torch',
    'from safetensors import safe_open',
    '',
    'image = ...  # embedding of a picture by the base model, [1, embedding]',
  ];
  return [
    '',
    '## Python',
    '',
    `\`${textEmbedsFile}\`: \`text_embeds\` [classes, embedding] with unit rows, and \`logit_scale\`, a natural logarithm.`,
    ...(place ? [] : [comesInside]),
    '',
    '```python',
    ...embedded,
    ...classification,
    '```',
  ];
}

const comesInside =
  'The base model comes inside neural-antidote: `antidote export RUN --out DIR --bundle` copies it, for Python that runs.';

/** Undefined for a built-in model: it is in no folder of the reader's. */
function placeOf({ name, hub }: About['model']): Place | undefined {
  if (builtInFolder(name)) return undefined;
  return hub ?? `PATH/TO/${name}`;
}

function onnxSection({ preprocessing: { resolution } }: About): readonly string[] {
  return [
    '',
    '## JavaScript',
    '',
    'With exactly the preprocessing that the head was made with, in Node:',
    '',
    '```js',
    "import { createClassifier } from 'neural-antidote';",
    '',
    "const classifier = await createClassifier('PATH/TO/THIS/FOLDER');",
    "const [best] = await classifier.classify(['photo.jpg'], 5); // [{ label, probability }, ...]",
    'await classifier.close();',
    '```',
    '',
    'and in a browser:',
    '',
    '```js',
    "import * as runtime from 'onnxruntime-web';",
    "import { createClassifier } from 'neural-antidote/browser';",
    '',
    "const classifier = await createClassifier('/url/of/this/folder/', { runtime });",
    'const [best] = await classifier.classify([file], 5); // a File, a Blob, or the address of a picture',
    '```',
    '',
    'Browsers lose the colour under transparent pixels and round it under half-transparent ones, turn CMYK into RGB by',
    'rules of their own, and refuse grey PNGs of 16 bits. Other pictures are decoded as by Pillow and Node.',
    '',
    'With transformers.js. It resizes pictures in a way of its own, so that probabilities differ somewhat, except for',
    `pictures of ${resolution} x ${resolution} pixels; \`preprocessor_config.json\` is written for it alone:`,
    '',
    '```js',
    "import { pipeline } from '@huggingface/transformers';",
    '',
    "const classify = await pipeline('image-classification', '/PATH/TO/THIS/FOLDER');",
    "const best = await classify('photo.jpg'); // [{ label, score }, ...]",
    '```',
    '',
    '## ONNX Runtime',
    '',
    `\`${onnxModel}\`: \`pixel_values\` float32 [batch, 3, ${resolution}, ${resolution}] to \`logits\` [batch, classes].`,
    'Pixels are RGB in [0, 1], less `mean`, over `std`, both in `export.json` under `preprocessing`.',
  ];
}

function coopSection(): readonly string[] {
  return [
    '',
    '## CoOp',
    '',
    `\`${coopFile}\`: \`ctx\` [classes, M, width], \`token_prefix\` [classes, 1, width], \`token_suffix\``,
    '[classes, L - 1 - M, width] and `tokenized_prompts` [classes, L]. Joined along the positions in the order prefix,',
    '`ctx`, suffix they are what the text tower takes, before positions are added; its result is read at the largest id of',
    '`tokenized_prompts`, which is the end mark.',
  ];
}
