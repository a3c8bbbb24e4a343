/** @file Promises of the report that hold without a browser: pure, closed, honest about what was not measured. */
import { beforeAll, expect, test } from 'vitest';
import { hostile, hostileReport, sampleReport, unmeasured } from '../../test/report/sample-report.ts';
import type { Measures } from '../evaluation/metrics.ts';
import type { TriggerPictures } from '../triggers/trigger-pictures.ts';
import { toText } from './html.ts';
import { renderReport } from './report.ts';
import type { ReportData } from './report-data.ts';
import { verdict } from './verdict.ts';

let sample: ReportData;
beforeAll(async () => {
  sample = await sampleReport();
});

/** The markup alone: pictures and styles are long, and their characters prove nothing. */
function markup(data: ReportData): string {
  return renderReport(data)
    .replace(/<style>[\s\S]*?<\/style>/, '')
    .replace(/base64,[A-Za-z0-9+/=]+/g, 'base64,');
}

/** The words a reader sees. */
function words(data: ReportData): string {
  return markup(data)
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
}

test('the same data give the same characters, also after a round trip through JSON', () => {
  expect(renderReport(JSON.parse(JSON.stringify(sample)))).toBe(renderReport(sample));
});

test('the sample is the same whenever it is made', async () => {
  for (let time = 0; time < 5; time++) expect(await sampleReport()).toEqual(sample);
});

test('the page has no script and refers to nothing outside itself', () => {
  const page = markup(sample);
  expect(page.match(/<script|<link(?! rel="icon" href="data:,")|javascript:|@import|url\(/i)).toBeNull();
  for (const [, value] of page.matchAll(/(?:src|href|srcset|poster|action)="([^"]*)"/g)) {
    expect(value).toMatch(/^(data:|#)/);
  }
});

test('every link inside the page has its target, and ids are unique', () => {
  const page = markup(sample);
  const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const [, goal] of page.matchAll(/(?:href="#|aria-labelledby=")([^"]*)"/g)) expect(ids).toContain(goal);
});

test('headings step down one level at a time, and every picture has a text', () => {
  const page = markup(sample);
  const levels = [...page.matchAll(/<h([1-6])/g)].map(([, level]) => Number(level));
  expect(levels.filter((level) => level === 1)).toHaveLength(1);
  levels.reduce((above, level) => {
    expect(level - above).toBeLessThanOrEqual(1);
    return level;
  });
  for (const [image] of page.matchAll(/<img[^>]*>/g)) expect(image).toMatch(/ alt="[^"]+"/);
});

test('tags are balanced', () => {
  const childless = new Set(['meta', 'link', 'img', 'br']);
  for (const data of [sample, unmeasured(sample), hostileReport(sample)]) {
    const open: string[] = [];
    for (const [, end, name, rest] of markup(data).matchAll(/<(\/?)([a-z0-9]+)([^>]*)>/gi)) {
      if (end) expect(open.pop()).toBe(name);
      else if (!rest!.endsWith('/') && !childless.has(name!)) open.push(name!);
    }
    expect(open).toEqual([]);
  }
});

test('hostile names cannot add markup, break attributes or reverse text', () => {
  const page = markup(hostileReport(sample));
  for (const name of hostile) if (/[<>"'\u202e]/.test(name)) expect(page.includes(name), name).toBe(false);
  expect(page.match(/<(script|iframe|b>bold)/i)).toBeNull();
  expect(page.replace(/"[^"]*"/g, '""').match(/<[^>]* on[a-z]+=/i)).toBeNull();
  expect(page.match(/[\u202a-\u202e\u2066-\u2069]/)).toBeNull();
});

test('the headline carries the rates before and after, and the accuracy', () => {
  const page = words(sample);
  expect(page).toContain(
    'The backdoor no longer works: the trigger turned 97.9 % of pictures into “ banana ”, now 0.30 % .',
  );
  expect(page).toContain('Accuracy on clean pictures rose from 67.0 % to 70.4 %.');
});

function withPurified(changes: Partial<Measures>): ReportData {
  return { ...sample, purified: { ...sample.purified!, ...changes } };
}

test('the page says of how many classes there are test pictures, where some have none', () => {
  const { task } = sample;
  expect(renderReport(sample)).toContain(`Tested on</dt><dd><bdi>${task.test}, 100 classes`);
  const few = { ...sample, task: { ...task, testClasses: 1 } };
  expect(renderReport(few)).toContain(`${task.test}, with pictures of 1 of 100 classes`);
});

test('the verdict follows the numbers', () => {
  const of = (hits: number) => ({ hits, of: 1000 });
  expect(verdict(sample).stamp).toBe('Backdoor closed');
  expect(verdict(withPurified({ asr: of(900) })).stamp).toBe('Backdoor open');
  expect(verdict(withPurified({ asr: of(300) })).stamp).toBe('Weakened');
  expect(verdict(withPurified({ ra: of(100) })).stamp).toBe('Half a cure');
  expect(verdict(withPurified({ ca: of(600) })).stamp).toBe('Closed, at a price');
  expect(verdict({ ...sample, undefended: { ...sample.undefended, asr: of(20) } }).stamp).toBe('Little to cure');
  expect(verdict({ ...sample, purified: null }).stamp).toBe('Trigger works');
  expect(verdict({ ...sample, purified: null, undefended: { ...sample.undefended, asr: of(3) } }).stamp).toBe(
    'Trigger without effect',
  );
});

test('a stamp says that pictures are too few where an attack would fit the interval, with or without a purification', () => {
  const none = (of: number, sources = of) => ({ hits: 0, of, clusters: { sources, effective: sources } });
  const after = (asr: Measures['asr'], before: Measures['asr'] = { hits: asr!.of, of: asr!.of }) => ({
    ...withPurified({ asr }),
    undefended: { ...sample.undefended, asr: before },
    floor: null,
  });
  expect(verdict(after(none(2))).stamp).toBe('Too few pictures');
  expect(verdict(after(none(32))).stamp).toBe('Too few pictures');
  expect(verdict(after(none(2), none(2))).stamp).toBe('Too few pictures');
  expect(verdict(after(none(100))).stamp).toBe('Backdoor closed');
  expect(verdict(after(none(396, 99))).stamp).toBe('Backdoor closed');
  expect(verdict(after({ hits: 1, of: 2 })).stamp).toBe('Weakened');
  expect(words(after(none(2)))).toContain('now 0 % , and up to 65.8 % of all pictures would fit that.');
  const alone = (asr: Measures['asr']) => ({ ...after(asr, asr), purified: null });
  expect(verdict(alone(none(2))).stamp).toBe('Too few pictures');
  expect(verdict(alone(none(100))).stamp).toBe('Trigger without effect');
});

test('a number that may be chance is not drawn in the colour of a cure', () => {
  const { headline } = verdict({ ...withPurified({ asr: { hits: 0, of: 2 } }), floor: null });
  expect(toText(headline)).not.toContain('cure-ink');
  const [tile] = markup({ ...withPurified({ asr: { hits: 0, of: 2 } }), floor: null }).match(
    /<section class="tile">[\s\S]*?<\/section>/,
  )!;
  expect(tile).not.toMatch(/cure-ink|bar purified/);
});

test('a purification that makes the trigger work is stamped so, and its numbers have the colour of an attack', () => {
  const worse = (before: number, after: number) => ({
    ...withPurified({ asr: { hits: after, of: 400 } }),
    undefended: { ...sample.undefended, asr: { hits: before, of: 400 } },
    floor: null,
  });
  expect(verdict(worse(0, 175))).toMatchObject({ tone: 'attack', stamp: 'Made worse' });
  expect(verdict(worse(200, 380)).stamp).toBe('Made worse');
  expect(verdict(worse(16, 22)).stamp).toBe('Little to cure');
  expect(verdict(worse(200, 205)).stamp).toBe('Backdoor open');
  const [tile] = markup(worse(0, 175)).match(/<section class="tile">[\s\S]*?<\/section>/)!;
  expect(tile).toContain('<span class="attack-ink">43.8');
  expect(tile).toContain('<span class="change bad">+43.8 points');
  expect(tile).not.toMatch(/cure-ink|bar purified/);
});

test('a number between closed and an attack has no colour, and an accuracy has that of its change', () => {
  const tiles = (data: ReportData) => markup(data).match(/<section class="tile">[\s\S]*?<\/section>/g)!;
  expect(tiles(sample)[0]).toContain('<span class="cure-ink">0.30');
  expect(tiles(withPurified({ asr: { hits: 50, of: 1000 } }))[0]).toContain('<span class="">5.0');
  expect(tiles(withPurified({ ca: { hits: 500, of: 1000 } }))[1]).toContain('<span class="attack-ink">50.0');
});

test('shown pictures that still become the target are not counted in the colour of a cure', () => {
  const still = sample.examples.map((example) => ({
    ...example,
    triggered: { ...example.triggered!, purified: example.triggered!.undefended },
  }));
  const counted = /purified model <strong class="([^"]*)">(\d+) of 16 as the target/;
  expect(
    markup({ ...sample, examples: still })
      .match(counted)!
      .slice(1),
  ).toEqual(['attack-ink', '16']);
  expect(markup(sample).match(counted)!.slice(1)).toEqual(['cure-ink', '0']);
});

test('a half cure says that most pictures are misread only where most are', () => {
  const reading = (hits: number) => ({
    ...withPurified({ ra: { hits, of: 1000 }, ca: { hits: 900, of: 1000 } }),
    clean: null,
  });
  expect(words(reading(650))).toContain('but fewer are read correctly than could be.');
  expect(words(reading(450))).toContain('but most are still misread.');
});

test('a trigger whose target is not among the classes is still a trigger that was tested', () => {
  const undefended = { ...sample.undefended, asr: null, asrAll: null };
  const alone = { ...sample, undefended, purified: null, clean: null, floor: null };
  const page = words(alone);
  expect(page).toContain(
    'target is not among the classes; of pictures that carry the trigger 4.5 % are read correctly, without it 67.0 %.',
  );
  expect(page).toContain('One trigger was tested (BadNet, fixed patch), without its target.');
  expect(page).toContain('the data agree with an RA anywhere in');
  expect(page).not.toMatch(/No trigger was (tested|tried)/);
});

test('the limits name the sign that a scan looks for', () => {
  expect(words(sample)).toContain('Only a pattern that sends nearly all pictures to one class is a sign');
});

test('an attack success rate near a high floor counts as closed', () => {
  const high = {
    ...withPurified({ asr: { hits: 30, of: 990 } }),
    floor: { asr: { hits: 24, of: 990 }, from: 'untriggered pictures' },
  };
  expect(verdict(high).stamp).toBe('Backdoor closed');
  expect(verdict({ ...high, floor: null }).stamp).toBe('Weakened');
});

test('a purification without a trigger claims nothing about the attack', () => {
  const page = words(unmeasured(sample));
  expect(page).toContain('Not measured');
  expect(page).toContain('No trigger was tested.');
  expect(page).not.toContain('Attack success rate');
  expect(page.match(/NaN|undefined|null/)).toBeNull();
});

test('a measured purification also says what was found, what was used and what prompts were tuned on', () => {
  const page = words(sample);
  expect(page).toContain('Inversion Backdoor found');
  expect(page).toContain('&quot;banana&quot;: 85 % and more is a sign of a backdoor.');
  expect(page).toContain('Prompts were tuned against what was found.');
  expect(page).toContain('Dummy trigger used by the defense');
  const unused = { ...sample, dummyTriggers: sample.dummyTriggers.map((trigger) => ({ ...trigger, used: false })) };
  const finding = { ...sample.finding!, verdict: 'clean', score: 0.6, target: null } as const;
  const clean = words({ ...unused, finding });
  expect(clean).toContain('Inversion No backdoor found');
  expect(clean).toContain('Dummy trigger not believed, not used');
  expect(clean).toContain('Prompts were tuned on clean pictures alone');
  expect(clean).not.toContain('prompts tuned against it');
});

test('without a known target, the class that a backdoor was found for has its colour among the findings', () => {
  const bar = (data: ReportData) =>
    /<li class="bar (\w+)">\s*<span class="bar-name"><bdi title="banana">/.exec(markup(data))![1];
  expect(bar(unmeasured(sample))).toBe('undefended');
  expect(bar({ ...unmeasured(sample), finding: { ...sample.finding!, verdict: 'undecided', targets: [] } })).toBe(
    'reference',
  );
});

test('the page states the real number of shots', () => {
  expect(words(sample)).toContain('1600 clean pictures in all, up to 16 of each class, emoji:train');
});

test('the size of a soft trigger is the share of pixels that change visibly; where it is not stored, of all that change', () => {
  const [dummy] = sample.dummyTriggers;
  const { visible: _, ...unknown } = dummy!.pictures;
  const drawn = (pictures: Partial<TriggerPictures>) =>
    words({ ...sample, dummyTriggers: [{ ...dummy!, pictures: { ...unknown, largest: 155, ...pictures } }] });
  expect(drawn({ changed: 0.971, visible: 0.022 })).toContain(
    'Changes 2.2 % of the pixels of this picture by 8 levels or more, and 97.1 % at all, by at most 155 of 255 levels.',
  );
  expect(drawn({ changed: 0.971 })).toContain('Changes 97.1 % of the pixels of this picture, by');
  expect(drawn({ changed: 1, visible: 0, largest: 4 })).toContain('Changes 100 % of the pixels of this picture, by');
});

test('a cosine is explained exactly where one is shown', () => {
  expect(words(sample)).toContain('Oracle What a defender cannot know');
  expect(words(unmeasured(sample))).not.toMatch(/oracle/i);
});

test('the page lists all settings by their dotted names', () => {
  const page = words(sample);
  expect(page).toContain('tuning.weights.triggered 1');
  expect(page).toContain('templates a photo of a {}., an icon of a {}.');
  expect(page).toContain('resume not set');
});
