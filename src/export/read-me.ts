/** @file `README.md` of an exported folder: what it is and how each of its files is used, with code that runs as it is. */
import type { Format } from '../clip/clip.ts';
import { bundledModel } from './base-model.ts';
import { coopFile } from './coop.ts';
import type { ExportManifest } from './manifest.ts';
import { onnxModel } from './onnx-files.ts';
import { textEmbedsFile } from './text-embeds.ts';

/** Python that embeds `photo.jpg` with the model at `path`, for the layouts that a library of Python's opens. */
const embeddings: { readonly [F in Format]?: (path: string) => readonly string[] } = {
  'open-clip': (path) => [
    'import json, open_clip, torch',
    'from PIL import Image',
    'from safetensors import safe_open',
    '',
    `model, _, preprocess = open_clip.create_model_and_transforms("local-dir:${path}")`,
    'with torch.no_grad():',
    '    image = model.eval().encode_image(preprocess(Image.open("photo.jpg")).unsqueeze(0))',
  ],
  'hugging-face': (path) => [
    'import json, torch',
    'from PIL import Image',
    'from safetensors import safe_open',
    'from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection',
    '',
    `pixels = CLIPImageProcessor.from_pretrained("${path}")(Image.open("photo.jpg").convert("RGB"), return_tensors="pt")`,
    'with torch.no_grad():',
    // transformers 5 computes in the precision of the file, which may be half; the head is in single.
    `    image = CLIPVisionModelWithProjection.from_pretrained("${path}").eval()(**pixels).image_embeds.float()`,
  ],
};

/** Python from an embedding `image` to a class. */
const classification = [
  `with safe_open("${textEmbedsFile}", "pt") as head:`,
  '    classes = json.loads(head.metadata()["classes"])',
  '    texts, scale = head.get_tensor("text_embeds"), head.get_tensor("logit_scale").exp()',
  'shares = (scale * torch.nn.functional.normalize(image, dim=-1) @ texts.T).softmax(dim=-1)',
  'print(classes[shares.argmax()], shares.max().item())',
];

type About = Omit<ExportManifest, 'files'>;

/** @param files what else is in the folder, as paths from it */
export function readMe(about: About, files: readonly string[], format: Format): string {
  const has = (path: string) => files.includes(path);
  const bundled = files.some((path) => path.startsWith(`${bundledModel}/`));
  return [
    ...introduction(about, bundled || has(onnxModel)),
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
    `[neural-antidote](https://www.npmjs.com/package/neural-antidote) ${antidote} made for it by ${method}, so that a`,
    'backdoor in the encoder no longer reaches the classes. Any other head on the same encoder may still show it.',
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

function antidoteSection(): readonly string[] {
  // With the package named: the one that is called antidote is somebody else's.
  const command = 'npx --package neural-antidote antidote classify . photo.jpg';
  return ['', '## Command line', '', 'In this folder:', '', '```sh', command, '```'];
}

function pythonSection({ model }: About, format: Format, bundled: boolean): readonly string[] {
  const embedded = embeddings[format]?.(bundled ? bundledModel : `PATH/TO/${model.name}`) ?? [
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
    '',
    '```python',
    ...embedded,
    ...classification,
    '```',
  ];
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
    'Browsers lose the colour under transparent pixels, which Pillow and Node keep; opaque pictures are decoded alike.',
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
