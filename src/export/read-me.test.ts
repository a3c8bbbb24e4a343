import { expect, test } from 'vitest';
import type { Format } from '../clip/clip.ts';
import type { ExportManifest } from './manifest.ts';
import { readMe } from './read-me.ts';

const commit = 'c'.repeat(40);
const hub = { repository: 'org/name', revision: 'main', commit };

/** The Python of an export of the head alone. */
function python(format: Format, model: Partial<ExportManifest['model']>): string {
  const about: Omit<ExportManifest, 'files'> = {
    format: 1,
    antidote: '0.1.0',
    method: 'cbpt',
    model: { name: 'my-clip', sha256: 'a'.repeat(64), hub: null, licence: null, ...model },
    run: null,
    head: 'b'.repeat(64),
    classes: ['dog'],
    preprocessing: {
      resolution: 224,
      resize: 'shortest',
      interpolation: 'bicubic',
      centre: 'torchvision',
      mean: [0, 0, 0],
      std: [1, 1, 1],
    },
  };
  return /## Python[\s\S]*?```python\n[\s\S]*?```/.exec(readMe(about, ['text_embeds.safetensors'], format))![0];
}

test('a model of the Hub is fetched from there, at the commit that it was', () => {
  const name = `hf:org/name@${commit}`;
  expect(python('hugging-face', { name, hub })).toContain(
    `CLIPVisionModelWithProjection.from_pretrained("org/name", revision="${commit}")`,
  );
  const openClip = python('open-clip', { name, hub });
  expect(openClip).toContain(`snapshot_download("org/name", revision="${commit}", allow_patterns=["open_clip_*"])`);
  expect(openClip).toContain('create_model_and_transforms(f"local-dir:{folder}")');
  for (const code of [openClip, python('hugging-face', { name, hub })]) expect(code).not.toContain('PATH/TO');
});

test('a model that comes with the package lies nowhere that Python could open it: the way out is named', () => {
  const code = python('open-clip', { name: 'emoji-clip:badnet' });
  expect(code).toContain('`antidote export RUN --out DIR --bundle`');
  expect(code).not.toMatch(/PATH\/TO|create_model/);
});

test('a model of your own is opened from its folder, whatever it is called', () => {
  expect(python('open-clip', {})).toContain('create_model_and_transforms("local-dir:PATH/TO/my-clip")');
  expect(python('hugging-face', { name: 'a"); evil("' })).toContain('from_pretrained("PATH/TO/a\\"); evil(\\"")');
});
