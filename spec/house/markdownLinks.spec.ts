import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { checkLinks, unreachablePages } from '../../scripts/support/markdownLinks.js';

const folder = mkdtempSync(join(tmpdir(), 'rxwire-links-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes the files, and returns their paths. */
function written(files: Readonly<Record<string, string>>): readonly string[] {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return Object.keys(files);
}

const pages = written({
  'README.md': [
    '# Top',
    '[a page](docs/page.md), [a heading](docs/page.md#the-heading), [here](#top), [a folder](docs), [elsewhere](https://example.com)',
    '![a picture](docs/picture.svg)',
    '`[code](missing.md)`',
    '```md',
    '[fenced](missing.md)',
    '```',
  ].join('\n'),
  'docs/page.md': '## The heading\n[back](../README.md)\n',
  'docs/faulty.md':
    '[a](missing.md)\n[b](page.md#nothing)\n![c](missing.svg)\n[d](../../outside.md)\n<img src="gone.png">\n\n[e]: also-missing.md\n',
});
const [readme = '', page = '', faulty = ''] = pages;
written({ 'docs/picture.svg': '<svg/>' });

describe('the check of links', () => {
  it('counts links, pictures and anchors that are right, and ignores code', () => {
    expect(checkLinks(folder, [readme, page])).toEqual({ count: 7, dead: [] });
  });

  it('finds each dead link, picture and anchor, with its line', () => {
    expect(checkLinks(folder, [faulty]).dead).toEqual([
      'docs/faulty.md:1 missing.md: no such file',
      'docs/faulty.md:2 page.md#nothing: no such heading',
      'docs/faulty.md:3 missing.svg: no such file',
      'docs/faulty.md:4 ../../outside.md: no such file',
      'docs/faulty.md:5 gone.png: no such file',
      'docs/faulty.md:7 also-missing.md: no such file',
    ]);
  });

  it('finds a link to a file of the repository that is not packed', () => {
    expect(checkLinks(folder, [readme, page], [readme, page]).dead).toEqual(['README.md:3 docs/picture.svg: no such file']);
  });

  it('finds the pages that no link leads to', () => {
    expect(unreachablePages(folder, pages, readme)).toEqual([faulty]);
  });
});
