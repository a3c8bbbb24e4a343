/** @file The command line as its users meet it: child processes, their streams and exit codes. */
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openSafetensors, readTensor } from '../src/tensor/safetensors.ts';
import { antidote, begin, counting, run } from './antidote.ts';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const model = path('fixtures/clip/hugging-face-quick-gelu');
const picture = path('fixtures/preprocess/images/animated.gif');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'antidote-cli-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('help and usage', () => {
  test('help lists the commands and the exit codes, and --version is the package version', async () => {
    const [help, version] = await Promise.all([run(antidote, '--help'), run(antidote, '--version')]);
    expect(help).toMatchObject({ code: 0, err: '' });
    expect(help.out).toMatch(/COMMANDS[\s\S]*inspect[\s\S]*embed[\s\S]*report[\s\S]*resume/);
    expect(help.out).toMatch(/64 wrong usage/);
    expect(version).toMatchObject({ code: 0, out: '0.1.0\n', err: '' });
  });

  test('a misspelt command or flag ends with 64 and the spelling that may be meant', async () => {
    const [command, flag] = await Promise.all([run(antidote, 'inspekt'), run(antidote, 'inspect', '--jsn', model)]);
    expect(command).toMatchObject({ code: 64, out: '' });
    expect(command.err).toBe(
      'antidote: command: found "inspekt", expected a command of antidote; did you mean `inspect`?\n',
    );
    expect(flag.code).toBe(64);
    expect(flag.err).toMatch(/--jsn: found an unknown flag.*did you mean --json\?/);
  });

  test('help and version under the names of other programs, and a missing picture, are answered by name', async () => {
    const [help, version, classify] = await Promise.all([
      run(antidote, 'help', 'scan'),
      run(antidote, '-V'),
      run(antidote, 'classify', model),
    ]);
    expect(help.err).toMatch(/"help".*; did you mean `antidote --help` or `antidote COMMAND --help`\?\n$/);
    expect(version.err).toMatch(/"-V".*; did you mean `antidote --version`\?\n$/);
    expect([help.code, version.code, classify.code]).toEqual([64, 64, 64]);
    expect(classify.err).toMatch(/^antidote: image: found nothing, expected a picture after .*quick-gelu\n$/);
  });

  test('no line of the help is wider than 160 columns', async () => {
    const names = ['attack', 'scan', 'purify', 'evaluate', 'classify', 'bench', 'worker'];
    const helps = await Promise.all(names.map((name) => run(antidote, name, '--help')));
    for (const line of helps.flatMap(({ out }) => out.split('\n'))) expect(line.length, line).toBeLessThanOrEqual(160);
  });

  test('an error is a document too where --json is given with a value, and none where it is no flag', async () => {
    const [yes, no, word] = await Promise.all([
      run(antidote, 'inspect', '--json=true'),
      run(antidote, 'inspect', '--json=no'),
      run(antidote, 'report', 'nowhere', 'twice', '--', '--json'),
    ]);
    expect(JSON.parse(yes.out).error).toMatchObject({ where: 'model', found: 'nothing' });
    expect(no).toMatchObject({ code: 64, out: '' });
    expect(word).toMatchObject({ code: 64, out: '' });
  });

  test('a value that cannot be meant names the flag, the value and what was expected', async () => {
    const [threads, device, missing] = await Promise.all([
      run(antidote, 'embed', model, '--text', 'a', '--out', 'x', '--threads', '0'),
      run(antidote, 'embed', model, '--text', 'a', '--out', 'x', '--device', 'tpu'),
      run(antidote, 'embed', model, '--out', join(folder, 'x')),
    ]);
    expect(threads).toMatchObject({
      code: 64,
      err: 'antidote: --threads: found "0", expected a whole number from 1 to 1024\n',
    });
    expect(device.err).toMatch(/--device: found "tpu", expected one of cpu, webgpu, cuda/);
    expect(missing).toMatchObject({
      code: 64,
      err: 'antidote: --image, --text: found neither, expected a picture or a text\n',
    });
  });

  test('with --json every failure is one JSON object on standard output, and a sentence on standard error', async () => {
    const [usage, data, internal] = await Promise.all([
      run(antidote, 'inspect', '--json'),
      run(antidote, 'inspect', '--json', join(folder, 'nowhere')),
      run(counting, 'explode', '--json'),
    ]);
    expect(usage.code).toBe(64);
    expect(JSON.parse(usage.out).error).toMatchObject({ where: 'model', found: 'nothing' });
    expect(data.code).toBe(65);
    expect(JSON.parse(data.out).error).toMatchObject({
      where: join(folder, 'nowhere'),
      found: 'no such file or folder',
    });
    expect(data.err).toMatch(/^antidote: .*nowhere: found no such file or folder/);
    expect(internal.code).toBe(70);
    expect(JSON.parse(internal.out).error.found).toMatch(/this was not foreseen/);
    expect(internal.err).toMatch(/please report it.*TypeError: this was not foreseen/);
  });
});

describe('attack', () => {
  test('--list explains the attacks without a model, for people and for programs; without it a model is needed', async () => {
    const [lines, json, missing] = await Promise.all([
      run(antidote, 'attack', '--list'),
      run(antidote, 'attack', '--list', '--json'),
      run(antidote, 'attack', '--attack', 'sig'),
    ]);
    expect(lines).toMatchObject({ code: 0, err: '' });
    expect(lines.out).toMatch(/^sig: a sine.*\n +source.*Barni/m);
    const attacks = JSON.parse(json.out);
    expect(attacks).toContainEqual(expect.objectContaining({ attack: 'trojvqa', word: 'remember' }));
    expect(missing).toMatchObject({ code: 64, out: '' });
    expect(missing.err).toBe(
      'antidote: model: found nothing, expected a model to poison; --list explains the attacks\n',
    );
  });
});

describe('inspect and embed', () => {
  test('inspect prints what the model is, for people and for programs', async () => {
    const [lines, json] = await Promise.all([
      run(antidote, 'inspect', model),
      run(antidote, 'inspect', model, '--json'),
    ]);
    expect(lines).toMatchObject({ code: 0, err: '' });
    expect(lines.out).toMatch(/: cannot tell\n {2}its vocabulary cannot write the names/);
    expect(lines.out).toMatch(/activation +quick-gelu/);
    expect(lines.out).toMatch(/activation +config: config\.json/);
    const description = JSON.parse(json.out);
    expect(description).toMatchObject({
      format: 'hugging-face',
      image: {
        kind: 'vit',
        width: expect.any(Number),
        layers: expect.any(Number),
        patch: expect.any(Number),
        resolution: expect.any(Number),
      },
      text: {
        width: expect.any(Number),
        layers: 2,
        heads: expect.any(Number),
        context: expect.any(Number),
        vocabulary: expect.any(Number),
      },
      embedding: expect.any(Number),
      activation: 'quick-gelu',
      parameters: expect.any(Number),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      verdict: 'cannot tell',
    });
  });

  test('embed writes pictures and texts in the order given, and progress does not touch standard output', async () => {
    const out = join(folder, 'embeddings.safetensors');
    const png = path('fixtures/preprocess/images/bilevel.png');
    const args = [
      'embed',
      model,
      '--image',
      picture,
      '--image',
      png,
      '--image',
      picture,
      '--text',
      'a',
      '--out',
      out,
      '--json',
    ];
    const { code, out: printed, err } = await run(antidote, ...args);
    expect({ code, err }).toMatchObject({ code: 0, err: expect.stringMatching(/pictures {2}3\/3/) });
    const { embedding } = JSON.parse(printed);
    const { tensors } = await openSafetensors(out);
    expect(tensors.get('text_embeds')!.shape).toEqual([1, embedding]);
    const images = await readTensor(tensors.get('image_embeds')!);
    expect(images.shape).toEqual([3, embedding]);
    const row = (index: number) =>
      Array.from((images.data as Float32Array).slice(index * embedding, (index + 1) * embedding));
    expect(row(0)).toEqual(row(2));
    expect(row(0)).not.toEqual(row(1));
  });

  test('embed refuses a file that exists and a folder that does not, before it opens the model', async () => {
    const taken = join(folder, 'model.safetensors');
    await writeFile(taken, 'weights');
    const [over, nowhere] = await Promise.all([
      run(antidote, 'embed', join(folder, 'no-model'), '--text', 'a', '--out', taken),
      run(antidote, 'embed', join(folder, 'no-model'), '--text', 'a', '--out', join(folder, 'none', 'e.safetensors')),
    ]);
    expect(over.code).toBe(64);
    expect(over.err).toMatch(/model\.safetensors: found a file that exists, expected a new file/);
    expect(await readFile(taken, 'utf8')).toBe('weights');
    expect(nowhere.code).toBe(65);
    expect(nowhere.err).toMatch(/none: found no such file or folder/);
  });

  test('a picture that is none is named, ends with 65 and leaves no file', async () => {
    const wrong = join(folder, 'wrong.png');
    await writeFile(wrong, 'not a picture');
    const { code, err } = await run(antidote, 'embed', model, '--image', wrong, '--out', join(folder, 'never'));
    expect(code).toBe(65);
    expect(err).toMatch(/wrong\.png: found/);
    expect(await readdir(folder)).not.toContain('never');
  });
});

describe('runs', () => {
  test('a run prints its result once, on standard output, and keeps it', async () => {
    const out = join(folder, 'counted');
    const first = await run(counting, 'count', '--out', out, '--json');
    expect(first.code).toBe(0);
    expect(JSON.parse(first.out)).toEqual({ counted: 5, first: 1, run: out });
    expect(first.err).toMatch(/count {2}5\/5 {2}100%.*half 2\.500/);
    expect((await readdir(out)).sort()).toEqual(['checkpoints', 'config.json', 'events.jsonl', 'result.json']);
    const again = await run(counting, 'resume', out);
    expect(again).toMatchObject({ code: 0, out: 'counted 5, from 1\n', err: '' });
  });

  test('quiet means silent but for the result', async () => {
    const { code, out, err } = await run(counting, 'count', '--quiet', '--out', join(folder, 'quiet'));
    expect({ code, out, err }).toEqual({ code: 0, out: 'counted 5, from 1\n', err: '' });
  });

  test('a failure in a run lets go of it, and a second run does not begin in its folder', async () => {
    const out = join(folder, 'failed');
    const failed = await run(counting, 'count', '--fail-at', '3', '--out', out);
    expect(failed).toMatchObject({ code: 65, out: '' });
    const command = `antidote resume ${out}`;
    expect(failed.err).toMatch(
      /antidote: step: found 3, expected another one; go on with: antidote resume .*failed\n$/,
    );
    const again = await run(counting, 'resume', out, '--json');
    expect(JSON.parse(again.out).error).toMatchObject({ found: '3', advice: command });
    expect(await readdir(out)).not.toContain('run.lock');
    const second = await run(counting, 'count', '--out', out);
    expect(second.code).toBe(64);
    expect(second.err).toMatch(/found an earlier run.*go on with it by: antidote resume/);
  });

  test('a run that fails before it has told anything leaves no folder in the way', async () => {
    const out = join(folder, 'mistaken');
    expect(await run(counting, 'count', '--fail-at', '1', '--out', out)).toMatchObject({ code: 65 });
    expect(await readdir(folder)).not.toContain('mistaken');
  });

  test('a run does not go on with other code, and the error says what to do', async () => {
    const out = join(folder, 'older');
    await run(counting, 'count', '--fail-at', '3', '--out', out);
    const config = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'));
    config.inputs.code.sha256 = 'a'.repeat(64);
    config.versions.node = '20.0.0';
    await writeFile(join(out, 'config.json'), JSON.stringify(config));
    const { code, err } = await run(counting, 'resume', out);
    expect(code).toBe(65);
    expect(err).toMatch(
      /neural-antidote \S+: found SHA-256 .*, the code that the run .* was begun with; begin a new run, or go on with that version/,
    );
  });

  test('a run that goes on under another Node says so', async () => {
    const out = join(folder, 'elsewhere');
    await run(counting, 'count', '--fail-at', '3', '--out', out);
    const config = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'));
    await writeFile(
      join(out, 'config.json'),
      JSON.stringify({ ...config, versions: { ...config.versions, node: '20.0.0' } }),
    );
    const { err } = await run(counting, 'resume', out);
    expect(err).toMatch(
      /begun with Node 20\.0\.0 on .*, going on with Node \S+ on .*: last digits of numbers may differ/,
    );
  });

  test('a scan whose hub never answers ends at once when it is asked to, and leaves no folder', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const asked = once(silent, 'connection');
    const out = join(folder, 'fetching');
    const args = ['scan', 'hf:some/model', '--data', 'emoji:train', '--classes', 'things', '--out', out, '--json'];
    const hub = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
    const { child, ended } = begin(antidote, args, { HF_ENDPOINT: hub, HF_HOME: folder });
    await asked;
    child.kill('SIGINT');
    const { code, out: printed, err } = await ended;
    silent.close();
    expect(code).toBe(130);
    expect(err).toMatch(/antidote: stopped\n$/);
    expect(JSON.parse(printed).error.found).toBe('a request to stop');
    expect(await readdir(folder)).not.toContain('fetching');
  }, 30_000);

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`${signal} stops at the next step with 130 and the resume command, which goes on from there`, async () => {
      const out = join(folder, signal);
      const { child, ended } = begin(counting, ['count', '--steps', '60', '--out', out]);
      await new Promise((resolve) => child.stderr!.once('data', resolve));
      child.kill(signal);
      const { code, out: printed, err } = await ended;
      expect({ code, printed }).toEqual({ code: 130, printed: '' });
      expect(err).toMatch(/stopping at the next step/);
      expect(err.trimEnd().endsWith(`stopped; go on with: antidote resume ${out}`)).toBe(true);
      const resumed = await run(counting, 'resume', out, '--json');
      expect(JSON.parse(resumed.out)).toMatchObject({ counted: 60, first: expect.any(Number) });
      expect(JSON.parse(resumed.out).first).toBeGreaterThan(1);
    });
  }

  test('a second SIGINT ends the process at once', async () => {
    const { child, ended } = begin(counting, [
      'count',
      '--steps',
      '500',
      '--never-stop',
      '--out',
      join(folder, 'twice'),
    ]);
    child.stderr!.on('data', () => child.kill('SIGINT'));
    await ended;
    expect(child.signalCode).toBe('SIGINT');
  });

  test('a reader that closes the pipe early is no error', async () => {
    const { child, ended } = begin(antidote, ['--help']);
    child.stdout!.destroy();
    expect(await ended).toMatchObject({ code: 0, err: '' });
  });

  test('a training run has a report too, drawn from its record alone', async () => {
    const out = join(folder, 'training');
    await cp(path('../models/emoji-clip/run'), out, { recursive: true });
    await rm(join(out, 'report.html'), { force: true });
    const { code, out: printed } = await run(antidote, 'report', out, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(printed)).toEqual({ run: out, report: join(out, 'report.html') });
    expect(await readFile(join(out, 'report.html'), 'utf8')).toContain('How the training went');
  });

  test('a report of an unfinished run is not drawn, and the error says how to finish', async () => {
    const out = join(folder, 'unfinished');
    await run(counting, 'count', '--fail-at', '2', '--out', out);
    const { code, err } = await run(antidote, 'report', out);
    expect(code).toBe(65);
    expect(err).toMatch(/no report\.json in it, expected a finished run; finish it by: antidote resume/);
  });
});
