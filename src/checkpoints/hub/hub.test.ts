import { lstat, mkdir, readdir, readFile, readlink, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { licenceFiles } from '../licence-files.ts';
import { modelFiles } from '../model-files.ts';
import { openClip } from '../open.ts';
import { commit, fixture, Hub, servedHub } from './hub.test-support.ts';
import { parseHubName } from './hub.ts';

const served = servedHub();
const { repository } = served;

test("a model is fetched into Python's cache: blobs by their hash, links to them under the commit, the branch's commit", async () => {
  await served.hub.add(fixture('hugging-face-quick-gelu'));
  served.hub.files.set('flax_model.msgpack', { bytes: Buffer.from('large and not needed'), large: true });
  served.hub.files.set('notes.md', { bytes: Buffer.from('not needed'), large: false });
  const clip = await openClip('hf:org/clip');
  const local = await openClip(fixture('hugging-face-quick-gelu'));
  expect(clip.config).toEqual(local.config);
  expect(clip.sha256).toBe(local.sha256);
  expect(clip.reading.hub).toEqual({ repository: 'org/clip', revision: 'main', commit });
  expect(served.hub.downloads()).toEqual([
    'config.json',
    'model.safetensors',
    'preprocessor_config.json',
    'tokenizer.json',
  ]);
  expect(await readFile(join(repository(), 'refs', 'main'), 'utf8')).toBe(commit);
  const pointer = join(repository(), 'snapshots', commit, 'model.safetensors');
  expect((await lstat(pointer)).isSymbolicLink()).toBe(true);
  expect(await readlink(pointer)).toBe(join('..', '..', 'blobs', local.sha256));
  expect((await readdir(join(repository(), 'blobs'))).filter((name) => name.includes('incomplete'))).toEqual([]);
});

test('the terms of use come with a model: its card and the texts of its licence, which an export hands on', async () => {
  await served.hub.add(fixture('open-clip-vit-gelu'));
  const terms = ['LICENSE', 'NOTICE.txt', 'README.md'];
  for (const name of terms) served.hub.files.set(name, { bytes: Buffer.from(`${name} of org`), large: false });
  await openClip('hf:org/clip');
  expect(served.hub.downloads()).toEqual([...terms, 'open_clip_config.json', 'open_clip_model.safetensors'].sort());
  const { folder } = await modelFiles('hf:org/clip');
  expect((await licenceFiles(folder)).map((path) => basename(path))).toEqual(['LICENSE', 'NOTICE.txt']);
  expect(await readFile(join(folder, 'README.md'), 'utf8')).toBe('README.md of org');
});

test('what is in the cache is not fetched again, and a commit that is there is opened without asking', async () => {
  await served.hub.add(fixture('hugging-face-quick-gelu'));
  await openClip('hf:org/clip@main');
  served.hub.requests.length = 0;
  await openClip('hf:org/clip@main');
  expect(served.hub.downloads()).toEqual([]);
  served.hub.requests.length = 0;
  expect((await openClip(`hf:org/clip@${commit}`)).reading.hub?.commit).toBe(commit);
  expect(served.hub.requests).toEqual([]);
});

test('a file that the cache has a part of the model only is fetched after all', async () => {
  await served.hub.add(fixture('hugging-face-quick-gelu'));
  const snapshot = join(repository(), 'snapshots', commit);
  await mkdir(snapshot, { recursive: true });
  await writeFile(join(snapshot, 'config.json'), served.hub.files.get('config.json')!.bytes);
  await openClip(`hf:org/clip@${commit}`);
  expect(served.hub.downloads()).toEqual(['model.safetensors', 'preprocessor_config.json', 'tokenizer.json']);
});

test('HF_HUB_OFFLINE asks nobody, and without a cached model says so', async () => {
  await served.hub.add(fixture('hugging-face-quick-gelu'));
  vi.stubEnv('HF_HUB_OFFLINE', '1');
  await expect(openClip('hf:org/clip')).rejects.toThrow(
    /hf:org\/clip@main: found nothing complete in .*models--org--clip, expected a cached model, as HF_HUB_OFFLINE is set/,
  );
  expect(served.hub.requests).toEqual([]);
  vi.stubEnv('HF_HUB_OFFLINE', '');
  await openClip('hf:org/clip');
  served.hub.requests.length = 0;
  vi.stubEnv('HF_HUB_OFFLINE', 'YES');
  expect((await openClip('hf:org/clip')).reading.hub?.commit).toBe(commit);
  expect(served.hub.requests).toEqual([]);
});

test('a Hub that does not answer is made up for by the cache, or named', async () => {
  await served.hub.add(fixture('open-clip-vit-gelu'));
  await openClip('hf:org/clip');
  await served.hub.close();
  expect((await openClip('hf:org/clip')).reading.hub?.commit).toBe(commit);
  await expect(openClip('hf:org/other')).rejects.toMatchObject({
    fault: 'data',
    message: expect.stringMatching(/hf:org\/other@main: found no answer from http:\/\/127\.0\.0\.1.*HF_ENDPOINT/),
  });
  await served.hub.listen();
});

test.each([
  [429, 'everything', ''],
  [500, 'everything', ''],
  [503, 'the list of files', '/tree/'],
])('a Hub that answers %i to %s is made up for by the cache, or is to be asked later', async (status, _, part) => {
  await served.hub.add(fixture('open-clip-vit-gelu'));
  await openClip('hf:org/clip');
  served.hub.status = status;
  served.hub.refuses = part;
  expect((await openClip('hf:org/clip')).reading.hub?.commit).toBe(commit);
  await rm(repository(), { recursive: true });
  await expect(openClip('hf:org/clip')).rejects.toMatchObject({
    fault: 'data',
    message: expect.stringMatching(`found the answer ${status} from the Hub, .* the cache; try again later$`),
  });
});

test('an index that names a file elsewhere is refused before anything that it names is fetched', async () => {
  await served.hub.add(fixture('hugging-face-gelu-sharded'));
  const index = 'model.safetensors.index.json';
  const { weight_map, ...rest } = JSON.parse(served.hub.files.get(index)!.bytes.toString());
  const changed = { ...rest, weight_map: { ...weight_map, logit_scale: '../elsewhere.safetensors' } };
  served.hub.files.set(index, { bytes: Buffer.from(JSON.stringify(changed)), large: false });
  await expect(openClip('hf:org/clip')).rejects.toThrow(/the file name "\.\.\/elsewhere\.safetensors"/);
  expect(served.hub.downloads().filter((name) => name.endsWith('.safetensors'))).toEqual([]);
});

test('of a model in several files, the index and all that it names are fetched', async () => {
  await served.hub.add(fixture('hugging-face-gelu-sharded'));
  const clip = await openClip('hf:org/clip@v1.0');
  expect(clip.sha256).toBe((await openClip(fixture('hugging-face-gelu-sharded'))).sha256);
  expect(served.hub.downloads().filter((name) => name.endsWith('.safetensors'))).toHaveLength(4);
  expect(await readFile(join(repository(), 'refs', 'v1.0'), 'utf8')).toBe(commit);
});

test.each([
  [401, /found no such repository, or one that is private or gated, .*set HF_TOKEN/],
  [403, /found a gated repository, which this token may not read, .*ask for it at http/],
  [404, /found no such repository or revision/],
  [500, /found the answer 500 from the Hub/],
])('the answer %i is told in words', async (status, message) => {
  served.hub.status = status;
  await expect(openClip('hf:org/clip')).rejects.toMatchObject({
    fault: 'data',
    message: expect.stringMatching(message),
  });
});

test.each([
  ['more bytes than listed', { size: 100 }, /found more than 100 bytes/],
  ['other bytes than listed', { hash: 'a'.repeat(64) }, /found the hash [0-9a-f]{64}, expected a{64}/],
])('a download of %s is refused and leaves nothing', async (_, listed, message) => {
  await served.hub.add(fixture('open-clip-vit-gelu'));
  const name = 'open_clip_model.safetensors';
  served.hub.files.set(name, { ...served.hub.files.get(name)!, listed });
  await expect(openClip('hf:org/clip')).rejects.toThrow(message);
  expect((await readdir(join(repository(), 'blobs'))).filter((blob) => blob.length !== 40)).toEqual([]);
});

test('the token goes to the Hub alone, not to where it says that a file lies', async () => {
  await served.hub.add(fixture('open-clip-vit-gelu'));
  const storage = new Hub();
  await storage.add(fixture('open-clip-vit-gelu'));
  storage.isCdn = true;
  served.hub.storage = await storage.listen();
  vi.stubEnv('HF_TOKEN', ' hf_secret\n');
  await openClip('hf:org/clip');
  expect(served.hub.tokens).toContain('Bearer hf_secret');
  expect(storage.downloads()).toContain('open_clip_model.safetensors');
  expect(storage.tokens).toEqual([]);
  await storage.close();
});

test('a token that is none is named, and nobody is asked with it', async () => {
  vi.stubEnv('HF_TOKEN', 'secret');
  await expect(openClip('hf:org/clip')).rejects.toThrow(/^HF_TOKEN: found a token of another form, expected .* hf_/);
  expect(served.hub.requests).toEqual([]);
});

test('a list of files without end is refused', async () => {
  served.hub.endless = true;
  await expect(openClip('hf:org/clip')).rejects.toThrow(/found more than 10000 files/);
});

test('of a new commit only the files that it changes are fetched', async () => {
  await served.hub.add(fixture('open-clip-vit-gelu'));
  await openClip('hf:org/clip');
  served.hub.requests.length = 0;
  served.hub.commit = 'd'.repeat(40);
  expect((await openClip('hf:org/clip')).reading.hub?.commit).toBe(served.hub.commit);
  expect(served.hub.downloads()).toEqual([]);
  expect(await readFile(join(repository(), 'refs', 'main'), 'utf8')).toBe(served.hub.commit);
});

test('a link whose blob was removed counts as missing', async () => {
  await served.hub.add(fixture('open-clip-vit-gelu'));
  const { sha256 } = await openClip('hf:org/clip');
  await rm(join(repository(), 'blobs', sha256));
  served.hub.requests.length = 0;
  expect((await openClip(`hf:org/clip@${commit}`)).sha256).toBe(sha256);
  expect(served.hub.downloads()).toEqual(['open_clip_model.safetensors']);
});

test('what Python fetched for the image tower alone is made whole: a tokenizer or a preprocessing would be guessed', async () => {
  await served.hub.add(fixture('hugging-face-quick-gelu'));
  const snapshot = join(repository(), 'snapshots', commit);
  await mkdir(snapshot, { recursive: true });
  for (const name of ['config.json', 'model.safetensors'])
    await writeFile(join(snapshot, name), served.hub.files.get(name)!.bytes);
  await openClip(`hf:org/clip@${commit}`);
  expect(served.hub.downloads()).toEqual(['preprocessor_config.json', 'tokenizer.json']);
  served.hub.requests.length = 0;
  await openClip(`hf:org/clip@${commit}`);
  expect(served.hub.requests).toEqual([]);
});

test('a reference that is right already is not written again: a shared cache may be read-only', async () => {
  await served.hub.add(fixture('open-clip-vit-gelu'));
  await openClip('hf:org/clip');
  const reference = join(repository(), 'refs', 'main');
  await utimes(reference, 1, 1);
  await openClip('hf:org/clip');
  expect((await stat(reference)).mtimeMs).toBe(1000);
});

test('two that fetch the same model at once both get it', async () => {
  await served.hub.add(fixture('hugging-face-gelu-sharded'));
  const all = await Promise.all(Array.from({ length: 4 }, () => openClip('hf:org/clip')));
  expect(new Set(all.map(({ sha256 }) => sha256)).size).toBe(1);
  expect((await readdir(join(repository(), 'blobs'))).filter((name) => name.includes('incomplete'))).toEqual([]);
});

test('names and hashes that lead out of the cache are passed over or refused', async () => {
  await served.hub.add(fixture('open-clip-vit-gelu'));
  served.hub.files.set('../../outside.bin', { bytes: Buffer.from('x'), large: true });
  await openClip('hf:org/clip');
  expect(served.hub.downloads()).toEqual(['open_clip_config.json', 'open_clip_model.safetensors']);
  served.hub.files.set('notes.txt', { bytes: Buffer.from('x'), large: true, listed: { hash: '../../outside' } });
  await expect(openClip('hf:org/clip')).rejects.toThrow(/notes\.txt: found the hash "\.\.\/\.\.\/outside"/);
});

test('a repository without a model says what is in it', async () => {
  served.hub.files.set('README.md', { bytes: Buffer.from('hello'), large: false });
  await expect(openClip('hf:org/clip')).rejects.toThrow(
    /hf:org\/clip@main: found README\.md, expected open_clip_config/,
  );
  expect(served.hub.downloads()).toEqual([]);
});

test('names of the Hub are taken apart, and those that are none are refused', () => {
  expect(parseHubName('hf:laion/CLIP-ViT-B-32@refs/pr/1')).toEqual({
    repository: 'laion/CLIP-ViT-B-32',
    revision: 'refs/pr/1',
  });
  expect(parseHubName('./hf')).toBeUndefined();
  for (const name of ['hf:', 'hf:clip', 'hf:a/b/c', 'hf:a/b@', 'hf:../b', 'hf:a/b@../../x', 'hf:a/b@x//y', 'hf:a--b/c'])
    expect(() => parseHubName(name), name).toThrow(/expected hf:org\/name/);
});
