import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { crawl } from '../../scripts/site/crawl.js';

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** Writes a site, and returns its folder. */
function site(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'rxwire-site-'));
  folders.push(folder);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

const errors = '<h1 id="errors">Errors</h1><h2 id="err_session_lost">ERR_SESSION_LOST</h2>';

describe('the crawl of the site', () => {
  it('follows links to pages, folders, anchors, pictures and styles', () => {
    const folder = site({
      'index.html': [
        '<link rel="stylesheet" href="/assets/style.css"><script type="module" src="/assets/app.js"></script>',
        '<a href="/errors.html#err_session_lost">a</a><a href="/errors#errors">b</a><a href="guide/">c</a><a href="#top" id="top">d</a>',
        '<img src="assets/a%20b.svg"><a href="https://example.com/">e</a><a href="mailto:a@example.com">f</a>',
      ].join('\n'),
      'errors.html': errors,
      'guide/index.html': '<a href="../errors.html">up</a><img src="data:image/gif;base64,AA==">',
      'assets/style.css': '.a{background:url("a b.svg")}.b{background:url(data:image/png;base64,AA==)}',
      'assets/a b.svg': '<svg/>',
      'assets/app.js': '',
    });
    expect(crawl(folder)).toEqual({ pages: 3, links: 13, faults: [] });
  });

  it('reports each dead link, anchor, picture and script, with its page', () => {
    const folder = site({
      'index.html':
        '<a href="/gone">a</a><a class="x" href="/errors.html#ERR_SESSION_LOST">b</a><a href="#nothing">c</a><img src="/gone.svg">',
      'guide/page.html': '<a href="errors.html">up</a><script src="gone.js"></script>',
      'errors.html': errors,
      'style.css': '.a{background:url(gone.png)}',
    });
    expect([...crawl(folder).faults].sort()).toEqual([
      'guide/page.html: errors.html: no such file',
      'guide/page.html: gone.js: no such file',
      'index.html: #nothing: no such anchor',
      'index.html: /errors.html#ERR_SESSION_LOST: no such anchor',
      'index.html: /gone.svg: no such file',
      'index.html: /gone: no such file',
      'style.css: gone.png: no such file',
    ]);
  });

  it('ignores code, and reports what a page would load from another host', () => {
    const folder = site({
      'index.html': [
        '<code>&lt;a href="gone.html"&gt;</code><script>const text = \'<a href="gone.html">\';</script>',
        '<script src="https://cdn.example.com/a.js"></script><img src="//example.com/a.png"><link rel="preconnect" href="https://example.com">',
        '<p style="background: url(&quot;https://example.com/b.png&quot;)"></p>',
      ].join('\n'),
      'style.css': '@import "https://example.com/fonts.css";',
    });
    const targets = crawl(folder).faults.map((fault) => fault.replace(/: a page must not load from another host$/, ''));
    expect(targets).toEqual([
      'index.html: https://cdn.example.com/a.js',
      'index.html: //example.com/a.png',
      'index.html: https://example.com',
      'index.html: https://example.com/b.png',
      'style.css: https://example.com/fonts.css',
    ]);
  });

  it('follows links of a site that a host serves below a path', () => {
    const folder = site({ 'index.html': '<a href="/docs/errors.html">a</a><a href="/errors.html">b</a>', 'errors.html': errors });
    expect(crawl(folder, '/docs/').faults).toEqual(['index.html: /errors.html: no such file']);
  });
});
