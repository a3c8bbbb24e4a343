import { lstat, mkdir, readdir, readFile, readlink, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { licenceFiles } from '../licence-files.ts';
import { modelFiles } from '../model-files.ts';
import { openClip } from '../open.ts';
import { openHubCache } from './cache.ts';
import { commit, fixture, Hub, servedHub } from './hub.test-support.ts';
import { parseHubName } from './hub-name.ts';

const served = servedHub();
const { repository } = served;

test("a model is fetched into Python's cache: blobs by hash, links under the commit, the branch's commit", async () => {
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

test('the terms of use come with a model: its card and the texts of its licence', async () => {
  await served.hub.add(fixture('open-clip-vit-gelu'));
  const terms = ['LICENSE', 'NOTICE.txt', 'README.md'];
  for (const name of terms) served.hub.files.set(name, { bytes: Buffer.from(`${name} of org`), large: false });
  await openClip('hf:org/clip');
  expect(served.hub.downloads()).toEqual([...terms, 'open_clip_config.json', 'open_clip_model.safetensors'].sort());
  const { folder } = await modelFiles('hf:org/clip');
  expect((await licenceFiles(folder)).map((path) => basename(path))).toEqual(['LICENSE', 'NOTICE.txt']);
  expect(await readFile(join(folder, 'README.md'), 'utf8')).toBe('README.md of org');
});

test('a cached model is not fetched again, and a cached commit opens without a request', async () => {
  await served.hub.add(fixture('hugging-face-quick-gelu'));
  await openClip('hf:org/clip@main');
  served.hub.requests.length = 0;
  await openClip('hf:org/clip@main');
  expect(served.hub.downloads()).toEqual([]);
  served.hub.requests.length = 0;
  expect((await openClip(`hf:org/clip@${commit}`)).reading.hub?.commit).toBe(commit);
  expect(served.hub.requests).toEqual([]);
});

test('an incomplete cached model is completed', async () => {
  await served.hub.add(fixture('hugging-face-quick-gelu'));
  const snapshot = join(repository(), 'snapshots', commit);
  await mkdir(snapshot, { recursive: true });
  await writeFile(join(snapshot, 'config.json'), served.hub.files.get('config.json')!.bytes);
  await openClip(`hf:org/clip@${commit}`);
  expect(served.hub.downloads()).toEqual(['model.safetensors', 'preprocessor_config.json', 'tokenizer.json']);
});

test('HF_HUB_OFFLINE sends no request, and is named if no model is cached', async () => {
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

test('without an answer from the Hub the cached model is used; if there is none, the Hub is named', async () => {
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
])(
  'if the Hub answers %i to %s, the cached model is used; if there is none, the advice is to try later',
  async (status, _, part) => {
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
  },
);

test('an index that names a file elsewhere is refused before its files are fetched', async () => {
  await served.hub.add(fixture('hugging-face-gelu-sharded'));
  const index = 'model.safetensors.index.json';
  const { weight_map, ...rest } = JSON.parse(served.hub.files.get(index)!.bytes.toString());
  const changed = { ...rest, weight_map: { ...weight_map, logit_scale: '../elsewhere.safetensors' } };
  served.hub.files.set(index, { bytes: Buffer.from(JSON.stringify(changed)), large: false });
  await expect(openClip('hf:org/clip')).rejects.toThrow(/the file name "\.\.\/elsewhere\.safetensors"/);
  expect(served.hub.downloads().filter((name) => name.endsWith('.safetensors'))).toEqual([]);
});

test('the index of a sharded model and all its shards are fetched', async () => {
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
])('the answer %i is explained', async (status, message) => {
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

test('the token goes only to the Hub, not to the server that it redirects to', async () => {
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

test('a malformed token is refused, and no request is sent with it', async () => {
  vi.stubEnv('HF_TOKEN', 'secret');
  await expect(openClip('hf:org/clip')).rejects.toThrow(/^HF_TOKEN: found a token of another form, expected .* hf_/);
  expect(served.hub.requests).toEqual([]);
});

test('an endless list of files is refused', async () => {
  served.hub.endless = true;
  await expect(openClip('hf:org/clip')).rejects.toThrow(/found more than 10000 files/);
});

test('only the changed files of a new commit are fetched', async () => {
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

test('a cached model without tokenizer and preprocessing is completed once: otherwise both would be guessed', async () => {
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

/** Python's cache with these files of the model, and the branch `main` at its commit. */
async function cachedByPython(names: readonly string[]): Promise<void> {
  const snapshot = join(repository(), 'snapshots', commit);
  await mkdir(snapshot, { recursive: true });
  await mkdir(join(repository(), 'refs'), { recursive: true });
  await writeFile(join(repository(), 'refs', 'main'), commit);
  for (const name of names) await writeFile(join(snapshot, name), served.hub.files.get(name)!.bytes);
}

test('links of the cache that lead nowhere are no files of the model', async () => {
  await served.hub.add(fixture('hugging-face-quick-gelu'));
  await cachedByPython([...served.hub.files.keys()]);
  for (const name of ['open_clip_config.json', 'open_clip_model.safetensors'])
    await symlink(join('..', '..', 'blobs', 'removed'), join(repository(), 'snapshots', commit, name));
  vi.stubEnv('HF_HUB_OFFLINE', '1');
  expect((await openClip('hf:org/clip')).sha256).toBe((await openClip(fixture('hugging-face-quick-gelu'))).sha256);
});

test.each([
  ['~/models', join(homedir(), 'models')],
  ['$ANTIDOTE_DISK/models', '/mnt/disk/models'],
  [`\${ANTIDOTE_DISK}/$ANTIDOTE_UNSET`, '/mnt/disk/$ANTIDOTE_UNSET'],
])('the cache at %s is where Python has it', async (written, place) => {
  vi.stubEnv('HF_HUB_CACHE', written);
  vi.stubEnv('ANTIDOTE_DISK', '/mnt/disk');
  expect((await openHubCache('org/clip')).root).toBe(join(place, 'models--org--clip'));
});

test("weights that open_clip cached without their configuration are completed: shapes would be read with OpenAI's activation", async () => {
  await served.hub.add(fixture('open-clip-vit-gelu'));
  await cachedByPython(['open_clip_model.safetensors']);
  expect((await openClip(`hf:org/clip@${commit}`)).config.activation).toBe('gelu');
  expect(served.hub.downloads()).toEqual(['open_clip_config.json']);
});

test.each([
  ['open-clip-vit-gelu', ['open_clip_model.safetensors'], 'open_clip_config.json or config.json'],
  [
    'hugging-face-quick-gelu',
    ['config.json', 'model.safetensors', 'tokenizer.json'],
    'preprocessor_config.json or processor_config.json',
  ],
])(
  'offline, a cached part of %s that leaves activation or preprocessing open is refused',
  async (name, files, missing) => {
    await served.hub.add(fixture(name));
    await cachedByPython(files);
    vi.stubEnv('HF_HUB_OFFLINE', '1');
    await expect(openClip('hf:org/clip')).rejects.toMatchObject({
      fault: 'data',
      message: `hf:org/clip@main: found no ${missing} in ${join(repository(), 'snapshots', commit)}, expected a cached model, as HF_HUB_OFFLINE is set; unset it once`,
    });
    expect(served.hub.requests).toEqual([]);
  },
);

test('a repository that has no configuration opens offline too, once the Hub has said so', async () => {
  await served.hub.add(fixture('hugging-face-quick-gelu'));
  served.hub.files.delete('preprocessor_config.json');
  const { config } = await openClip('hf:org/clip');
  vi.stubEnv('HF_HUB_OFFLINE', '1');
  expect((await openClip('hf:org/clip')).config).toEqual(config);
});

test('a reference that is right is not rewritten: a shared cache may be read-only', async () => {
  await served.hub.add(fixture('open-clip-vit-gelu'));
  await openClip('hf:org/clip');
  const reference = join(repository(), 'refs', 'main');
  await utimes(reference, 1, 1);
  await openClip('hf:org/clip');
  expect((await stat(reference)).mtimeMs).toBe(1000);
});

test('the mark of a file that the repository lacks is not rewritten either', async () => {
  await served.hub.add(fixture('hugging-face-quick-gelu'));
  await openClip('hf:org/clip');
  const mark = join(repository(), '.no_exist', commit, 'processor_config.json');
  await utimes(mark, 1, 1);
  await openClip('hf:org/clip');
  expect((await stat(mark)).mtimeMs).toBe(1000);
});

test('concurrent downloads of one model all get it', async () => {
  await served.hub.add(fixture('hugging-face-gelu-sharded'));
  const all = await Promise.all(Array.from({ length: 4 }, () => openClip('hf:org/clip')));
  expect(new Set(all.map(({ sha256 }) => sha256)).size).toBe(1);
  expect((await readdir(join(repository(), 'blobs'))).filter((name) => name.includes('incomplete'))).toEqual([]);
});

test('names that lead out of the cache are skipped, such hashes refused', async () => {
  await served.hub.add(fixture('open-clip-vit-gelu'));
  served.hub.files.set('../../outside.bin', { bytes: Buffer.from('x'), large: true });
  await openClip('hf:org/clip');
  expect(served.hub.downloads()).toEqual(['open_clip_config.json', 'open_clip_model.safetensors']);
  served.hub.files.set('notes.txt', { bytes: Buffer.from('x'), large: true, listed: { hash: '../../outside' } });
  await expect(openClip('hf:org/clip')).rejects.toThrow(/notes\.txt: found the hash "\.\.\/\.\.\/outside"/);
});

test('a repository without a model is refused with the names of its files', async () => {
  served.hub.files.set('README.md', { bytes: Buffer.from('hello'), large: false });
  await expect(openClip('hf:org/clip')).rejects.toThrow(
    /hf:org\/clip@main: found README\.md, expected open_clip_config/,
  );
  expect(served.hub.downloads()).toEqual([]);
});

test('of several files of weights in a repository one is to be downloaded, as no name of the Hub names a file', async () => {
  for (const name of ['RemoteCLIP-RN50.pt', 'RemoteCLIP-ViT-B-32.pt'])
    served.hub.files.set(name, { bytes: Buffer.from('weights'), large: true });
  await expect(openClip('hf:org/clip')).rejects.toMatchObject({
    fault: 'data',
    message:
      'hf:org/clip@main: found 2 files of weights: "RemoteCLIP-RN50.pt", "RemoteCLIP-ViT-B-32.pt", expected one; ' +
      'download one of them and give its path',
  });
  expect(served.hub.downloads()).toEqual([]);
});

test('names of the Hub are parsed, and malformed ones refused', () => {
  expect(parseHubName('hf:laion/CLIP-ViT-B-32@refs/pr/1')).toEqual({
    repository: 'laion/CLIP-ViT-B-32',
    revision: 'refs/pr/1',
  });
  expect(parseHubName('./hf')).toBeUndefined();
  for (const name of ['hf:', 'hf:clip', 'hf:a/b/c', 'hf:a/b@', 'hf:../b', 'hf:a/b@../../x', 'hf:a/b@x//y', 'hf:a--b/c'])
    expect(() => parseHubName(name), name).toThrow(/expected hf:org\/name/);
});
