import { jest } from '@jest/globals';
import type { Locator, Page } from 'playwright-core';
import { pagesOfDocs } from '../../scripts/site/navigation.js';
import { linkTo, sitePage } from '../../scripts/site/sitePaths.js';
import { describeWith } from '../support/debian.js';
import { openDocsSite, problems, type DocsSite, type Look } from './docsSite.js';

// npm run docs:check builds the site and runs this test. It is no *.spec.ts: npm test does not build the site.
jest.setTimeout(180_000);

const connectPage = '/api/rxwire/functions/connect.html';

describeWith('chromium', 'the documentation site', (executablePath) => {
  let site: DocsSite;

  beforeAll(async () => {
    site = await openDocsSite(executablePath);
  });
  afterAll(() => site.close());
  beforeEach(() => void site.complaints.splice(0));
  afterEach(() => expect(site.complaints).toEqual([]));

  const open = (path: string, look?: Look): Promise<Page> => site.open(path, look);

  async function search(page: Page, text: string): Promise<void> {
    await page.locator('#local-search button').first().click();
    await page.locator('#localsearch-input').fill(text);
  }

  /** The first result of the search, once it leads to a page. */
  const firstResult = (page: Page, target: string): Locator =>
    page.locator(`.VPLocalSearchBox .results li:first-child a[href*="${target}"]`);

  /** Waits until a heading is at the top of the window. */
  async function atTop(page: Page, id: string): Promise<void> {
    await page.waitForFunction((anchor) => {
      const { top = -1 } = document.getElementById(anchor)?.getBoundingClientRect() ?? {};
      return scrollY > 0 && top >= 0 && top < 200;
    }, id);
  }

  it('shows the title and the overview on the first page', async () => {
    const page = await open('/');
    await page.getByRole('heading', { level: 1, name: /rxwire/ }).waitFor();
    const picture = page.getByRole('img', { name: /Two diagrams/ });
    await picture.scrollIntoViewIfNeeded();
    expect(await picture.evaluate((image) => (image as HTMLImageElement).naturalWidth)).toBeGreaterThan(100);
    await page.getByRole('link', { name: 'Get started' }).click();
    await page.locator('.VPDoc h1').waitFor();
    await page.context().close();
  });

  it('finds an operator', async () => {
    const page = await open('/');
    await search(page, 'retryBackoff');
    await firstResult(page, '/operators/retryBackoff').click();
    await page.locator('.VPDoc h1', { hasText: 'retryBackoff' }).waitFor();
    expect(new URL(page.url()).pathname).toBe('/operators/retryBackoff.html');
    await page.context().close();
  });

  it('finds an error code, and leads to its heading', async () => {
    const page = await open('/guide/wire.html');
    await search(page, 'ERR_SESSION_LOST');
    await firstResult(page, '/errors.html#err_session_lost').click();
    await atTop(page, 'err_session_lost');
    await page.context().close();
  });

  it.each(['/errors#err_session_lost', '/errors.html#err_in_doubt'])('opens %s at its heading', async (path) => {
    const page = await open(path);
    await atTop(page, path.split('#')[1]!);
    await page.context().close();
  });

  it('shows an export in the API reference, and lists the others', async () => {
    const page = await open(connectPage);
    await page.getByRole('heading', { level: 1, name: 'connect()' }).waitFor();
    await page.locator('.vp-doc pre').filter({ hasText: 'function connect<' }).waitFor();
    const list = page.getByRole('region', { name: 'Exports of rxwire' });
    await list.getByRole('link', { name: 'connect', exact: true }).and(list.locator('[aria-current=page]')).waitFor();
    await list.getByRole('searchbox').fill('dedupeopt');
    await list.getByRole('link').first().click();
    await page.getByRole('heading', { level: 1, name: 'DedupeOptions<T>' }).waitFor();
    await page.context().close();
  });

  it('leads from a name in the text to the API reference, also with the keyboard', async () => {
    const page = await open('/guide/server.html');
    const link = page.locator('.vp-doc a.api-link', { hasText: /^listen$/ }).first();
    expect(await link.evaluate((element) => getComputedStyle(element).textDecorationStyle)).toBe('dotted');
    await link.focus();
    expect(await link.evaluate((element) => getComputedStyle(element).outlineStyle)).not.toBe('none');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'listen()' }).waitFor();
    expect(new URL(page.url()).pathname).toBe('/api/rxwire/server/functions/listen.html');
    await page.context().close();
  });

  it('changes its pictures with the theme of the page, whatever the theme of the system', async () => {
    const page = await open('/operators/dedupe.html');
    const pictures = ['marble diagram', 'Marble diagram of dedupe'].map((name) => page.getByRole('img', { name, exact: true }));
    for (const picture of pictures) expect(await brightness(page, picture)).toBeGreaterThan(200);
    await page.getByRole('switch').first().click();
    await page.locator('html.dark').waitFor({ state: 'attached' });
    for (const picture of pictures) expect(await brightness(page, picture)).toBeLessThan(80);
    await page.context().close();
  });

  it('fits into 390 pixels: each page of docs, and pages of the API reference', async () => {
    const pages = pagesOfDocs().map((file) => linkTo(sitePage(file).page));
    const page = await open('/', { width: 390 });
    const wide: string[] = [];
    for (const path of ['/', '/project/changelog', connectPage, '/api/', '/api/rxwire/', '/api/rxwire/classes/Wire.html', ...pages]) {
      await page.goto(site.origin + path, { waitUntil: 'domcontentloaded' });
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      if (width > 390) wide.push(`${path}: ${width} pixels`);
    }
    expect(wide).toEqual([]);
    await page.context().close();
  });

  it.each(['light', 'dark'] as const)('has nothing that axe finds serious: %s', async (colorScheme) => {
    const found: string[] = [];
    const look = async (page: Page, place: string, without: readonly string[] = []): Promise<void> => {
      for (const problem of await problems(page, without)) found.push(`${place}: ${problem}`);
    };
    for (const path of [
      '/',
      '/guide/wire.html',
      '/operators/dedupe.html',
      '/errors.html',
      '/protocol.html',
      '/semantics.html',
      connectPage,
    ]) {
      const page = await open(path, { colorScheme });
      if (path === connectPage) await page.locator('.api-exports').waitFor();
      await look(page, path);
      await page.context().close();
    }
    const page = await open('/', { colorScheme, width: 390 });
    await search(page, 'retryBackoff');
    await firstResult(page, '/operators/retryBackoff').waitFor();
    // The search of VitePress is a list box whose options hold links, with names of their own.
    await look(page, 'the search', ['nested-interactive', 'label-content-name-mismatch']);
    await page.context().close();
    expect(found).toEqual([]);
  });
});

/** The mean brightness of an element on the screen, from 0 to 255. */
async function brightness(page: Page, element: Locator): Promise<number> {
  const picture = (await element.screenshot()).toString('base64');
  return page.evaluate(async (base64) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${base64}`)).blob());
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d')!;
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    const values = data.filter((_, index) => index % 4 !== 3);
    return values.reduce((sum, value) => sum + value, 0) / values.length;
  }, picture);
}
