import { expect, test } from 'vitest';
import { classChangesSection } from './class-changes.ts';
import { toText } from './html.ts';

/** Names in the order of a table's rows. */
function rowsOf(page: string, caption: string): string[] {
  const [, table = ''] = page.split(`<caption>${caption}</caption>`);
  const [body = ''] = table.split('</table>');
  return [...body.matchAll(/<bdi>(.*?)<\/bdi>/g)].map(([, label]) => label!);
}

test('the largest change comes first at either end; among equals the class with more pictures, then by name', () => {
  const row = (label: string, n: number, undefended: number, purified: number) => ({ label, n, undefended, purified });
  const classes = [
    row('b', 4, 0, 2),
    row('c', 8, 0, 4),
    row('a', 4, 0, 2),
    row('f', 4, 2, 0),
    row('g', 8, 4, 0),
    row('e', 4, 2, 0),
    row('h', 4, 3, 0),
    row('without pictures', 0, 0, 0),
  ];
  const page = toText(classChangesSection({ classes })!);
  expect(rowsOf(page, 'Gained most')).toEqual(['c', 'a', 'b']);
  expect(rowsOf(page, 'Lost most')).toEqual(['h', 'g', 'e', 'f']);
  expect(page).toContain('(<bdi>h</bdi>)');
  expect(page).not.toContain('without pictures');
});
