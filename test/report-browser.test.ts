/** @file The report in a real browser: every width and scheme, nothing cut off, nothing fetched, printable. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { renderFindings } from '../src/report/findings-page.ts';
import { renderMatrix } from '../src/report/matrix/matrix-report.ts';
import { renderReport } from '../src/report/report.ts';
import { renderRun } from '../src/report/run-page.ts';
import { hasChromium, openChromium } from './chromium.ts';
import { hostileFindings, sampleFindings } from './report/sample-findings.ts';
import { hostileMatrix, sampleMatrix } from './report/sample-matrix.ts';
import { hostileReport, sampleReport, unmeasured } from './report/sample-report.ts';
import { hostileRun, plantedRun, trainedRun, unfinishedRun } from './report/sample-runs.ts';

// What runs inside the page is written as text: the project is compiled without the types of a browser.
const overflow = `document.documentElement.scrollWidth - document.documentElement.clientWidth`;
const brokenPictures = `Array.from(document.images).filter((image) => !(image.complete && image.naturalWidth > 0)).length`;
/** Texts that are wider than the box that holds them, where nothing lets a reader scroll to the rest. */
const cutOff = `Array.from(document.querySelectorAll('h1, h2, h3, p, td, th, dd, dt, li, figcaption, caption'))
  .filter((box) => !box.closest('.scroll, .hidden') && !box.matches('.hidden') && box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).display !== 'inline')
  .filter((box) => !box.querySelector('svg, .hidden')).map((box) => box.outerHTML.slice(0, 120))`;

/** Texts of the heat map whose contrast with their shade is below 4.5, which WCAG asks of small text. */
const faintNumbers = `(() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const paint = (colour, opacity) => {
    canvas.globalAlpha = opacity;
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
  };
  const luminance = () => {
    const [r, g, b] = Array.from(canvas.getImageData(0, 0, 1, 1).data, (v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const opacity = (element, cell) =>
    Number(getComputedStyle(element).opacity) * (element === cell ? 1 : opacity(element.parentElement, cell));
  const holdsText = (element) => Array.from(element.childNodes).some((node) => node.nodeType === 3 && node.data.trim() !== '');
  return Array.from(document.querySelectorAll('td.heat')).flatMap((cell) =>
    [cell, ...cell.querySelectorAll('*')].filter(holdsText).flatMap((element) => {
      paint(getComputedStyle(cell).backgroundColor, 1);
      const ground = luminance();
      paint(getComputedStyle(element).color, opacity(element, cell));
      const text = luminance();
      const contrast = (Math.max(ground, text) + 0.05) / (Math.min(ground, text) + 0.05);
      return contrast < 4.5 ? [cell.className + ' ' + element.tagName + ' ' + contrast.toFixed(2)] : [];
    }),
  );
})()`;

interface Opened {
  readonly page: Page;
  /** Whatever the page complained about, and whatever it asked for besides itself. */
  readonly trouble: string[];
}

describe.skipIf(!hasChromium)('in Chromium (skipped where it is not installed: apt-get install chromium)', () => {
  let folder: string;
  let browser: BrowserContext;
  const files: Record<string, string> = {};

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'report-'));
    const sample = await sampleReport();
    for (const [name, data] of Object.entries({
      sample,
      unmeasured: unmeasured(sample),
      hostile: hostileReport(sample),
    })) {
      files[name] = join(folder, `${name}.html`);
      await writeFile(files[name]!, renderReport(data));
    }
    for (const [name, data] of Object.entries({
      findings: sampleFindings(sample),
      'hostile-findings': hostileFindings(sample),
    })) {
      files[name] = join(folder, `${name}.html`);
      await writeFile(files[name]!, renderFindings(data));
    }
    for (const [name, data] of Object.entries({
      matrix: await sampleMatrix(),
      'hostile-matrix': await hostileMatrix(),
    })) {
      files[name] = join(folder, `${name}.html`);
      await writeFile(files[name]!, renderMatrix(data));
    }
    for (const [name, run] of Object.entries({
      trained: await trainedRun(),
      planted: await plantedRun(),
      'hostile-run': await hostileRun(),
      'unfinished-run': await unfinishedRun(),
    })) {
      files[name] = join(folder, `${name}.html`);
      await writeFile(files[name]!, renderRun(run));
    }
    browser = await openChromium(join(folder, 'profile'));
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function open(name: string, width: number, colorScheme: 'light' | 'dark' = 'light'): Promise<Opened> {
    const page = await browser.newPage();
    const trouble: string[] = [];
    const address = pathToFileURL(files[name]!).href;
    page.on('console', (message) => trouble.push(message.text()));
    page.on('pageerror', (error) => trouble.push(String(error)));
    page.on('request', (request) => {
      if (request.url() !== address && !request.url().startsWith('data:')) trouble.push(request.url());
    });
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme });
    await page.goto(address);
    return { page, trouble };
  }

  const views = [360, 768, 1200].flatMap((width) => (['light', 'dark'] as const).map((scheme) => ({ width, scheme })));

  test.each(views)('$width px, $scheme: whole, silent and alone', async ({ width, scheme }) => {
    const { page, trouble } = await open('sample', width, scheme);
    expect(await page.evaluate(overflow)).toBe(0);
    expect(await page.evaluate(brokenPictures)).toBe(0);
    expect(await page.evaluate(cutOff)).toEqual([]);
    const background = await page.evaluate(`getComputedStyle(document.body).backgroundColor`);
    expect(background).toBe(scheme === 'dark' ? 'rgb(14, 21, 27)' : 'rgb(244, 246, 247)');
    expect(trouble).toEqual([]);
    await page.close();
  });

  test.each([360, 1200])('%i px: hostile and endless names neither run nor widen the page', async (width) => {
    const { page, trouble } = await open('hostile', width);
    expect(await page.evaluate(overflow)).toBe(0);
    expect(await page.evaluate(cutOff)).toEqual([]);
    expect(
      await page.evaluate(
        `document.scripts.length + document.querySelectorAll('[onerror], [onmouseover], [onload], b:not(.top b, .key b)').length`,
      ),
    ).toBe(0);
    expect(await page.title()).toMatch(/neural-antidote/);
    expect(trouble).toEqual([]);
    await page.close();
  });

  test.each(views)('matrix at $width px, $scheme: whole, silent and alone', async ({ width, scheme }) => {
    const { page, trouble } = await open('matrix', width, scheme);
    expect(await page.evaluate(overflow)).toBe(0);
    expect(await page.evaluate(brokenPictures)).toBe(0);
    expect(await page.evaluate(cutOff)).toEqual([]);
    expect(await page.evaluate(faintNumbers)).toEqual([]);
    expect(trouble).toEqual([]);
    await page.close();
  });

  test('in the matrix on a telephone no name breaks within a word, and a line says that there is more to the right', async () => {
    const { page } = await open('matrix', 390);
    const heights = `[...document.querySelectorAll('.matrix tbody th bdi')].map((name) => [name.textContent, name.getClientRects().length])`;
    expect(await page.evaluate(heights)).toContainEqual(['blended', 1]);
    expect(await page.evaluate(heights)).toContainEqual(['trojvqa', 1]);
    expect(await page.locator('.sideways').first().isVisible()).toBe(true);
    await page.setViewportSize({ width: 1200, height: 800 });
    expect(await page.evaluate(heights)).toContainEqual(['blended', 1]);
    expect(await page.locator('.sideways').first().isVisible()).toBe(false);
    await page.close();
  });

  test('a cell of the matrix leads to its details, which open by themselves', async () => {
    const { page } = await open('matrix', 1200);
    const cell = page.locator('td.heat a').nth(6);
    const target = (await cell.getAttribute('href'))!;
    expect(await page.locator(target).isVisible()).toBe(false);
    await cell.click();
    expect(await page.locator(target).isVisible()).toBe(true);
    expect(await page.evaluate(overflow)).toBe(0);
    await page.close();
  });

  test.each([320, 360, 1200])(
    'matrix at %i px: hostile and endless names neither run nor widen the page',
    async (width) => {
      const { page, trouble } = await open('hostile-matrix', width);
      await page.evaluate(`document.querySelectorAll('details').forEach((one) => { one.open = true; })`);
      expect(await page.evaluate(overflow)).toBe(0);
      expect(await page.evaluate(`document.scripts.length + document.querySelectorAll('[onerror]').length`)).toBe(0);
      expect(trouble).toEqual([]);
      await page.close();
    },
  );

  const runViews = ['trained', 'planted', 'hostile-run', 'unfinished-run', 'findings', 'hostile-findings'].flatMap(
    (name) => [390, 1200].flatMap((width) => (['light', 'dark'] as const).map((scheme) => ({ name, width, scheme }))),
  );

  test.each(runViews)('$name at $width px, $scheme: whole, silent and alone', async ({ name, width, scheme }) => {
    const { page, trouble } = await open(name, width, scheme);
    expect(await page.evaluate(overflow)).toBe(0);
    expect(await page.evaluate(cutOff)).toEqual([]);
    expect(await page.evaluate(`document.scripts.length + document.querySelectorAll('[onerror]').length`)).toBe(0);
    expect(await page.locator('.chart').count()).toBeGreaterThan(1);
    expect(trouble).toEqual([]);
    await page.close();
  });

  test('a purification without a trigger is whole too', async () => {
    const { page, trouble } = await open('unmeasured', 360);
    expect(await page.evaluate(overflow)).toBe(0);
    expect(await page.evaluate(brokenPictures)).toBe(0);
    expect(trouble).toEqual([]);
    await page.close();
  });

  test('the keyboard reaches the results first, then every section, and the list of all classes opens', async () => {
    const { page } = await open('sample', 1200);
    const focused = () =>
      page.evaluate(`document.activeElement.getAttribute('href') ?? document.activeElement.tagName`);
    const visited = [];
    for (let step = 0; step < 8; step++) {
      await page.keyboard.press('Tab');
      visited.push(await focused());
    }
    expect(visited).toEqual([
      '#content',
      '#pictures',
      '#triggers',
      '#curves',
      '#classes',
      '#numbers',
      '#limits',
      '#provenance',
    ]);
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('SUMMARY');
    await page.keyboard.press('Enter');
    expect(await page.locator('details .classes tbody tr').last().isVisible()).toBe(true);
    await page.close();
  });

  test('a chart shows its cursor under the pointer, without a script', async () => {
    const { page } = await open('sample', 1200);
    const moment = page.locator('.moment').nth(10);
    expect(await moment.locator('circle').first().isVisible()).toBe(false);
    await moment.locator('rect').hover();
    expect(await moment.locator('circle').first().isVisible()).toBe(true);
    await page.close();
  });

  test('paper is black on white whatever the screen prefers, nothing is cut off, and the PDF has its pages', async () => {
    const { page } = await open('sample', 718, 'dark');
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    expect(
      await page.evaluate(`[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]`),
    ).toEqual(['rgb(255, 255, 255)', 'rgb(0, 0, 0)']);
    expect(await page.evaluate(overflow)).toBe(0);
    expect(await page.evaluate(cutOff)).toEqual([]);
    const pdf = await page.pdf({ format: 'A4' });
    expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
    const pages = pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length ?? 0;
    expect(pages).toBeGreaterThanOrEqual(3);
    expect(pages).toBeLessThanOrEqual(12);
    await page.close();
  });
});
