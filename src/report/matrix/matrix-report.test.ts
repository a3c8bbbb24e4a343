import { expect, test } from 'vitest';
import { hostileMatrix, hostileName, sampleMatrix } from '../../../test/report/sample-matrix.ts';
import { matrixCsv, matrixJson, matrixMarkdown } from './exports.ts';
import { shadeOf } from './heat-map.ts';
import { renderMatrix } from './matrix-report.ts';

const sample = await sampleMatrix();

test('the page shows the progress of the bench, and CBPT against no defense', () => {
  const page = renderMatrix(sample);
  expect(page).toContain('Unfinished');
  expect(page).toMatch(
    /CBPT, over 7 attacks: ASR from <span class="attack-ink">9\d\.\d.%<\/span> to <span class="cure-ink">0\.\d+.%<\/span>, RA from 1\.\d.% to 58\.\d.%, clean accuracy \+8\.\d points/,
  );
  expect(page).toContain('1 failed');
  expect(page).toContain('3 to come');
  expect(page).toContain('the loss is not a number at step 41');
  expect(page.match(/<img /g)).toHaveLength(7 * 4);
});

test('the headline has the colour of a cure only where the backdoor is closed', () => {
  const { overall } = sample.statistics;
  const page = (asr: number) => {
    const changed = overall.map((one) =>
      one.defense === 'cbpt' && one.asr ? { ...one, asr: { ...one.asr, mean: asr } } : one,
    );
    return /<h1[^>]*>(.*?)<\/h1>/.exec(
      renderMatrix({ ...sample, statistics: { ...sample.statistics, overall: changed } }),
    )![1];
  };
  expect(page(65.6)).toMatch(/to <span class="attack-ink">65\.6.%<\/span>, RA/);
  expect(page(65.6)).not.toContain('cure-ink');
  expect(page(5)).toMatch(/to <span class="">5\.0.%<\/span>/);
});

test('a closed cell whose RA is too low is marked as no cure, by the RA of the clean model or else by CA', () => {
  const cellOf = (ra: number, cleanRa: number | null) => {
    const groups = sample.statistics.groups.map((group) =>
      group.ra ? { ...group, ra: { ...group.ra, mean: ra } } : group,
    );
    const counted = cleanRa === null ? null : { hits: cleanRa, of: 100 };
    const cells = sample.cells.map((one) =>
      one.outcome?.kind === 'measured'
        ? {
            ...one,
            outcome: { ...one.outcome, clean: counted && { ca: counted, asr: counted, asrAll: counted, ra: counted } },
          }
        : one,
    );
    const page = renderMatrix({ ...sample, cells, statistics: { ...sample.statistics, groups } });
    return page.match(/<td class="heat shade-0[\s\S]*?<\/td>/)![0];
  };
  expect(cellOf(25.8, null)).toMatch(/class="heat shade-0 half".*RA below \d/);
  expect(cellOf(50, null)).not.toMatch(/half|below/);
  expect(cellOf(50, 80)).toMatch(/half.*RA below 64\.0.%/);
  expect(cellOf(25.8, 30)).not.toMatch(/half|below/);
});

test('means over different attacks are not compared', () => {
  const { overall } = sample.statistics;
  const page = renderMatrix({
    ...sample,
    statistics: {
      ...sample.statistics,
      overall: overall.map((one) => (one.defense === 'cbpt' ? { ...one, attacks: one.attacks - 1 } : one)),
    },
  });
  expect(page).toContain('<h1 id="verdict">8 defenses against 7 attacks.</h1>');
});

test('where the target is not among the classes a cell shows how many triggered pictures are read correctly', () => {
  const groups = sample.statistics.groups.map((group) => ({ ...group, asr: null, asrAll: null }));
  const page = renderMatrix({ ...sample, statistics: { ...sample.statistics, groups } });
  const cells = page.match(/<td class="heat unmeasured"><a [\s\S]*?<\/a>/g)!.filter((cell) => cell.includes('CA'));
  expect(cells.length).toBeGreaterThan(0);
  for (const cell of cells) expect(cell).toMatch(/<b>–<\/b>.*<abbr>RA<\/abbr> [\d.]+/);
});

test("a cell's link is read out with its numbers", () => {
  const page = renderMatrix(sample);
  expect(page).toMatch(
    /<td class="heat [^"]*"><a href="#[^"]+"><span><b>.*<span class="hidden">, details<\/span><\/a>/,
  );
  expect(page).not.toMatch(/<a [^>]*aria-label/);
});

test('every cell of the table links to details on the page', () => {
  const page = renderMatrix(sample);
  const links = [...page.matchAll(/<td class="heat[^>]*><a href="#([^"]+)"/g)].map(([, id]) => id);
  expect(links).toHaveLength(7 * 8 * 2);
  for (const id of links) expect(page).toContain(`<div id="${id}"`);
  expect(new Set(links).size).toBe(links.length);
});

test("one seed's facts name their seed, and a loss of 0 is left out", () => {
  const page = renderMatrix(sample).replace(/<[^>]*>/g, '');
  expect(page).toMatch(
    /With seed 1, against hand-written prompts, accuracy rose for 40 and fell for 12 of 100 classes; the mean loss over all classes, gains not counted, is 2\.1.%/,
  );
  expect(page).toContain('What the defense tells of itself, with seed 1');
  const harmless = sample.cells.map((one) =>
    one.outcome?.kind === 'measured'
      ? { ...one, outcome: { ...one.outcome, harm: { ...one.outcome.harm, fell: 0, meanLoss: 0, lost: [] } } }
      : one,
  );
  expect(renderMatrix({ ...sample, cells: harmless })).toContain(
    'accuracy rose for 40 of 100 classes and fell for none.',
  );
});

test('the row of means has the shade that its attacks have, which depends on the floor', () => {
  const statistics = {
    ...sample.statistics,
    overall: sample.statistics.overall.map((one) =>
      one.asr ? { ...one, asr: { ...one.asr, mean: 1.5 }, floor: 0.8 } : one,
    ),
  };
  const [, row] = /<tr class="mean">([\s\S]*?)<\/tr>/.exec(renderMatrix({ ...sample, statistics }))!;
  expect(row!.match(/shade-\d+/g)).toEqual(Array(8).fill('shade-0'));
});

test('the same data give the same page', async () => {
  expect(renderMatrix(await sampleMatrix())).toBe(renderMatrix(sample));
});

test('hostile names are text, on the page and in every export', async () => {
  const hostile = await hostileMatrix();
  const page = renderMatrix(hostile);
  expect(page).not.toContain('<img src=x');
  expect(page).not.toContain('\u202e');
  expect(matrixMarkdown(hostile)).not.toMatch(/(?<!\\)<img/);
  const [cell] = JSON.parse(matrixJson(hostile)).cells;
  expect(cell.attack).toBe(hostileName);
});

test('an attack rate counts as closed up to one point above the floor, and shades grow with it', () => {
  expect([shadeOf(0, null), shadeOf(1, null), shadeOf(1.1, null), shadeOf(2.5, 1.8)]).toEqual([0, 0, 1, 0]);
  expect([shadeOf(50, null), shadeOf(100, null)]).toEqual([5, 10]);
});

test('CSV has a line for every cell that was computed, with quotes where they must be and no formulas', async () => {
  const lines = matrixCsv(sample).split('\r\n');
  expect(lines[0]).toBe(
    'attack,defense,classes,shots,seed,ca,asr,asrAll,ra,floor,ceiling,n,sources,classCount,seconds,peakBytes,error,key',
  );
  expect(lines).toHaveLength(1 + 7 * 8 * 3 + 5 * 8 * 3 + 1);
  expect(lines[1]).toMatch(
    /^badnet,none,things,16,1,5\d(\.\d+)?,9\d\.\d+,.*,400,100,100,42\.5,419430400,,[0-9a-f]{64}$/,
  );
  const failed = lines.find((line) => line.includes('not a number'));
  expect(failed).toMatch(/^blended,par,things,16,2,,,,,,,,,,,,"the loss is not a number.*""'&=cmd/s);
  const renamed = {
    ...sample.cells[0]!,
    cell: { ...sample.cells[0]!.cell, task: { ...sample.cells[0]!.cell.task, attack: '=1+1' } },
  };
  expect(matrixCsv({ ...sample, cells: [renamed] })).toContain("\r\n'=1+1,none");
});

test('Markdown has a table for every measure and class list, with means that say when they are incomplete', () => {
  const text = matrixMarkdown(sample);
  expect(text).toMatch(/^## things, 16 shots a class\n/);
  expect(text.match(/^\| (ASR|CA|RA) \|/gm)).toHaveLength(6);
  expect(text).toMatch(/\| blended \|.*\| 1 failed \|/);
  expect(text).toMatch(/\| \*\*mean of 7\*\* \| 9\d\.\d\d ± \d\.\d\d \|.*\| incomplete \|/);
  expect(text).toMatch(/^\| ASR \|.* cbpt \| oracle \|$/m);
});

test('every row of the table has as many columns as its head', () => {
  const page = renderMatrix(sample);
  for (const [table] of page.matchAll(/<table class="matrix">[\s\S]*?<\/table>/g)) {
    const rows = [...table.matchAll(/<tr[\s\S]*?<\/tr>/g)].map(([row]) => row.match(/<t[hd][ >]/g)?.length);
    expect(new Set(rows)).toEqual(new Set([10]));
  }
});
