/** @file Tables of pictures: labels by name or index, quotes, tabs, refusals with the line. */
import { expect, test } from 'vitest';
import { openPictureSet } from '../open.ts';
import { config, levels, testFiles } from '../picture-files.test-support.ts';
import { listImageCsv } from './image-csv.ts';

const { text, folderOf } = testFiles();

test('a CSV file has labels by name or index, paths relative to itself, and quotes as in RFC 4180', async () => {
  await folderOf('csv', { 'one, two.png': 10, 'b.png': 20 });
  const path = await text(
    'csv/list.csv',
    '\uFEFFlabel,image,note\r\n"pear","one, two.png","a ""b""\nc"\r\n\r\nbanana,b.png,\r\n',
  );
  const named = await openPictureSet(path, { config });
  expect(named.classes).toEqual(['banana', 'pear']);
  expect([...named.labels]).toEqual([1, 0]);
  expect(await levels(named)).toEqual([10, 20]);
  const indexed = await text('csv/index.csv', 'image,label\nb.png,1\n');
  expect([...(await openPictureSet(indexed, { config, classes: ['pear', 'banana'] })).labels]).toEqual([1]);
  const padded = await text('csv/padded.csv', 'image,label\nb.png,banana,,\n');
  expect([...(await openPictureSet(padded, { config, classes: ['pear', 'banana'] })).labels]).toEqual([1]);
});

test('without a class list labels are said as folder names are, and numbers are refused', async () => {
  const spelt = await text('spelt.csv', 'image,label\na.png,tabby_cat\nb.png,golden_retriever\n');
  expect((await listImageCsv(spelt)).classes).toEqual(['golden retriever', 'tabby cat']);
  const numbers = await text('numbers.csv', 'image,label\na.png,0\nb.png,10\n');
  await expect(listImageCsv(numbers)).rejects.toThrow('found the labels 0, 10, expected class names');
});

test('in a tab-separated file a comma is part of its field', async () => {
  await folderOf('tabs', { 'one, two.png': 10, 'b.png': 20 });
  const path = await text('tabs/list.tsv', 'filepath\tlabel\none, two.png\t"a ""pear"""\nb.png\tfig, dried\n');
  const set = await openPictureSet(path, { config });
  expect(set.classes).toEqual(['a "pear"', 'fig, dried']);
  expect(await levels(set)).toEqual([10, 20]);
});

test.each([
  ['without the columns', 'file,class\na.png,b\n', /a first line without "image"/],
  ['without lines', 'image,label\n', /no pictures/],
  ['with an empty field', 'image,label\na.png,\n', /line 2: found an empty field/],
  [
    'with an unknown label',
    'image,label\na.png,x\n',
    /line 2: found the label "x", expected a name of the class list; --classes FILE names your classes/,
  ],
  [
    'with a comma too many',
    'image,label\na.png,pear, ripe\n',
    /line 2: found 3 fields, expected 2; put quotes around a field with commas/,
  ],
  [
    'with a tab too many',
    'image\tlabel\na.png\tpear\tripe\n',
    /line 2: found 3 fields, expected 2; put quotes around a field with tabs/,
  ],
  [
    'in another encoding',
    Buffer.from('image,label\ncaf\u00e9.png,pear\n', 'latin1'),
    /in another encoding\.csv: found bytes that are not UTF-8, expected text; save it as UTF-8/,
  ],
  ['with an index too high', 'image,label\na.png,7\n', /expected an index below 2/],
] as const)('a CSV file %s is refused with its place', async (what, content, message) => {
  const path = await text(`${what}.csv`, content);
  await expect(openPictureSet(path, { config, classes: ['pear', 'banana'] })).rejects.toThrow(message);
});
