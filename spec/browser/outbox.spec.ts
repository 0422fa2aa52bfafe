import { jest } from '@jest/globals';
import { setTimeout } from 'node:timers/promises';
import { build } from 'esbuild';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { describeInBrowsers, launch } from './launch.js';
import { outboxCases } from '../support/outboxCases.js';
import type { Kind, Toolbox } from './outboxPage.js';
import { waitUntil } from './site.js';

jest.setTimeout(30_000);

const ORIGIN = 'http://localhost';
const kinds: readonly Kind[] = ['indexedDB', 'localStorage'];

describeInBrowsers('outboxes in a browser', (engine, executablePath) => {
  let browser: Browser;
  let script: string;
  let context: BrowserContext;
  let page: Page;
  /** What the pages complain of: errors that nobody caught, promises that nobody minds. */
  let complaints: string[];

  beforeAll(async () => {
    const entryPoints = ['spec/browser/outboxPage.ts'];
    const options = { entryPoints, bundle: true, write: false, format: 'iife', target: 'es2022' } as const;
    const [built, launched] = await Promise.all([build(options), launch(executablePath)]);
    script = built.outputFiles[0]!.text;
    browser = launched;
  });
  afterAll(() => browser.close());

  async function openContext(): Promise<void> {
    complaints = [];
    context = await browser.newContext();
    await context.route(`${ORIGIN}/**`, (route) => route.fulfill({ contentType: 'text/html', body: `<script>${script}</script>` }));
    page = await openPage();
  }
  async function closeContext(): Promise<void> {
    await context.close();
    expect(complaints).toEqual([]);
  }
  async function openPage(path = '/'): Promise<Page> {
    const opened = await context.newPage();
    opened.setDefaultTimeout(20_000);
    opened.on('pageerror', ({ message }) => complaints.push(message));
    await opened.goto(ORIGIN + path);
    return opened;
  }

  type Answer<Name extends keyof Toolbox> = Awaited<ReturnType<Toolbox[Name]>>;
  async function on<Name extends keyof Toolbox>(one: Page, name: Name, ...args: Parameters<Toolbox[Name]>): Promise<Answer<Name>> {
    const call = ([method, values]: readonly [Name, unknown[]]): unknown =>
      (window.toolbox[method] as (...all: unknown[]) => unknown)(...values);
    return one.evaluate<Answer<Name>, never>(call as never, [name, args] as never);
  }
  const tells = (one: Page, fault: string) => one.waitForFunction((wanted) => window.toolbox.told().includes(wanted), fault);
  const devtools = () => context.newCDPSession(page);
  /** Clears until nothing is left: a write of the page that the browser has not stored yet outlives one clearing. */
  async function clearSite(): Promise<void> {
    const session = await devtools();
    do {
      await session.send('Storage.clearDataForOrigin', { origin: ORIGIN, storageTypes: 'all' });
      await setTimeout(200);
    } while ((await page.evaluate(() => localStorage.length)) > 0);
  }

  describe.each(kinds)('%s keeps the outbox contract', (kind) => {
    // One page for all: each case has a place of its own in it.
    beforeAll(openContext);
    afterAll(closeContext);

    it.each(Object.keys(outboxCases))('%s', (title) => on(page, 'check', kind, title));
  });

  describe.each(kinds)('%s', (kind) => {
    beforeEach(openContext);
    afterEach(closeContext);

    it('outlives a reload', async () => {
      const { pid } = await on(page, 'open', kind);
      await on(page, 'append', 1);
      await on(page, 'append', 2);
      await on(page, 'trim', 1);
      await on(page, 'remember', 'secret');
      await page.reload();
      const ticket = { sid: 's', rt: 'secret', former: [] };
      expect(await on(page, 'open', kind)).toMatchObject({ pid, epoch: 2, acked: 1, last: 2, batches: [2], ticket });
    });

    it('keeps a second tab waiting until the first is closed', async () => {
      const { pid } = await on(page, 'open', kind);
      const second = await openPage();
      await on(second, 'ask', kind);
      await waitUntil(second, async () => (await window.toolbox.locks()).pending?.length === 1, undefined);
      expect(await on(second, 'isOpen')).toBe(false);
      await on(page, 'append', 1);
      await page.close();

      await second.waitForFunction(() => window.toolbox.isOpen());
      expect(await on(second, 'append', 2)).toBeUndefined();
      await second.reload();
      expect(await on(second, 'open', kind)).toMatchObject({ pid, epoch: 3, batches: [1, 2] });
    });

    it('lets a second tab take over when the first closes it', async () => {
      await on(page, 'open', kind);
      const second = await openPage();
      await on(second, 'ask', kind);
      await waitUntil(second, async () => (await window.toolbox.locks()).pending?.length === 1, undefined);
      await on(page, 'close');
      await second.waitForFunction(() => window.toolbox.isOpen());
      expect(await on(second, 'append', 1)).toBeUndefined();
    });

    it('fences the tab whose lock is stolen', async () => {
      await on(page, 'open', kind);
      await on(page, 'append', 1);
      const thief = await openPage();
      expect(await on(thief, 'open', kind, { steal: true })).toMatchObject({ epoch: 2, batches: [1] });
      await tells(page, 'fenced');
      expect(await on(page, 'append', 2)).toBe('fenced');
      expect(await on(page, 'replace', 1, [])).toBe('fenced');
      expect(await on(thief, 'append', 2)).toBeUndefined();
      await thief.reload();
      expect(await on(thief, 'open', kind)).toMatchObject({ epoch: 3, batches: [1, 2] });
    });

    it('goes by epochs alone without locks', async () => {
      await on(page, 'open', kind, { locks: false });
      const second = await openPage();
      expect(await on(second, 'open', kind, { locks: false })).toMatchObject({ epoch: 2 });
      // A page reads a moment later what another has written to localStorage.
      const written = await second.evaluate(() => Object.entries(localStorage).sort().join());
      await page.waitForFunction((entries) => Object.entries(localStorage).sort().join() === entries, written);
      expect(await on(page, 'append', 1)).toBe('fenced');
      expect(await on(page, 'told')).toEqual(['fenced']);
    });

    // Only Chromium lets a test clear the storage of a site, and set its quota.
    if (engine === 'chromium')
      it('continues as the same sender when the storage of the site is cleared', async () => {
        const { pid } = await on(page, 'open', kind);
        await on(page, 'append', 1);
        await on(page, 'trim', 1);
        await on(page, 'append', 2);
        await clearSite();
        if (kind === 'indexedDB') await tells(page, 'evicted');
        expect(await on(page, 'append', 3)).toBeUndefined();
        expect(await on(page, 'told')).toEqual(['evicted']);
        await page.reload();
        expect(await on(page, 'open', kind)).toMatchObject({ pid, epoch: 2, acked: 1, batches: [3] });
      });

    it('fails to open where a page may keep nothing', async () => {
      const headers = { 'content-security-policy': "sandbox allow-scripts; script-src 'unsafe-inline'" };
      await context.route(`${ORIGIN}/sandboxed`, (route) =>
        route.fulfill({ contentType: 'text/html', headers, body: `<script>${script}</script>` }),
      );
      const sandboxed = await openPage('/sandboxed');
      expect(await on(sandboxed, 'openFault', kind)).toBe('failed');
    });
  });

  describe('localStorage that is full', () => {
    beforeEach(openContext);
    afterEach(closeContext);

    it('keeps the stored messages, and accepts more when there is room again', async () => {
      await on(page, 'open', 'localStorage');
      const million = 1_000_000;
      expect(await on(page, 'append', 1, million)).toBeUndefined();
      expect(await on(page, 'append', 2, million)).toBeUndefined();
      expect(await on(page, 'append', 3, million)).toBeUndefined();
      expect(await on(page, 'append', 4, million)).toBe('quota');
      expect(await on(page, 'trim', 2)).toBeUndefined();
      expect(await on(page, 'append', 4, million)).toBeUndefined();
      await page.reload();
      expect(await on(page, 'open', 'localStorage')).toMatchObject({ acked: 2, batches: [3, 4] });
    });
  });

  describe('IndexedDB', () => {
    beforeEach(openContext);
    afterEach(closeContext);

    it('stores its records in one strict transaction', async () => {
      await on(page, 'open', 'indexedDB');
      expect(await on(page, 'transactionsOf', [1, 2, 3])).toEqual([{ durability: 'strict' }]);
    });

    it('does nothing without a subscription', async () => {
      await on(page, 'open', 'indexedDB');
      await on(page, 'appendUnsubscribed', 1);
      await on(page, 'append', 2);
      await page.reload();
      expect(await on(page, 'open', 'indexedDB')).toMatchObject({ batches: [2] });
    });

    if (engine === 'chromium')
      it('keeps the stored messages when there is no room, and accepts more when there is', async () => {
        const cdp = await devtools();
        // Before the first write: what room there is, the browser remembers for a while.
        await cdp.send('Storage.overrideQuotaForOrigin', { origin: ORIGIN, quotaSize: 500_000 });
        await on(page, 'open', 'indexedDB');
        expect(await on(page, 'append', 1, 100_000)).toBeUndefined();
        expect(await on(page, 'append', 2, 1_000_000)).toBe('quota');
        await cdp.send('Storage.overrideQuotaForOrigin', { origin: ORIGIN });
        expect(await on(page, 'append', 2, 1_000_000)).toBeUndefined();
        await page.reload();
        expect(await on(page, 'open', 'indexedDB')).toMatchObject({ epoch: 2, batches: [1, 2] });
      });

    it('lets another page delete the database, and begins a new one as the same sender', async () => {
      const { pid } = await on(page, 'open', 'indexedDB');
      await on(page, 'append', 1);
      await on(page, 'remember', 'secret');
      const other = await openPage();
      expect(await on(other, 'deleteDatabase')).toBe('done');
      await tells(page, 'evicted');
      expect(await on(page, 'append', 2)).toBeUndefined();
      expect(await on(page, 'told')).toEqual(['evicted']);
      await page.reload();
      expect(await on(page, 'open', 'indexedDB')).toMatchObject({ pid, epoch: 2, batches: [2], ticket: { rt: 'secret' } });
    });

    if (engine === 'chromium')
      it('fails no write when it is cleared in the middle of many', async () => {
        const { pid } = await on(page, 'open', 'indexedDB');
        const cdp = await devtools();
        const writing = on(page, 'appendUntilCleared', 20);
        await cdp.send('Storage.clearDataForOrigin', { origin: ORIGIN, storageTypes: 'indexeddb' });
        const { last, faults } = await writing;
        expect(faults).toEqual([]);
        await page.reload();
        const { batches, ...contents } = await on(page, 'open', 'indexedDB');
        expect(contents).toMatchObject({ pid, epoch: 2, last });
        // Dense from where it was cleared on.
        expect(batches.length).toBeGreaterThanOrEqual(20);
        expect(batches).toEqual(batches.map((_, index) => last + 1 - batches.length + index));
      });

    it('waits while the browser clears up, and gives up only when that does not end', async () => {
      await on(page, 'open', 'indexedDB');
      expect(await on(page, 'appendWhileCleared', 1, 6)).toBeUndefined();
      expect(await on(page, 'appendWhileCleared', 2, 7)).toBe('failed');
      expect(await on(page, 'append', 2)).toBeUndefined();
    });

    it('restores all records on request after an eviction', async () => {
      await on(page, 'open', 'indexedDB');
      await on(page, 'append', 1);
      await on(page, 'append', 2);
      await on(await openPage(), 'deleteDatabase');
      await tells(page, 'evicted');
      await on(page, 'replace', 0, [1, 2]);
      await page.reload();
      expect(await on(page, 'open', 'indexedDB')).toMatchObject({ batches: [1, 2] });
    });

    it('is not in the way of a newer version, and says that it can do no more', async () => {
      await on(page, 'open', 'indexedDB');
      const newer = await openPage();
      expect(await on(newer, 'upgradeDatabase')).toBe('done');
      await tells(page, 'failed');
      expect(await on(page, 'append', 1)).toBe('failed');
      expect(await on(newer, 'openFault', 'localStorage')).toBeUndefined();
    });

    it('does not take a database from a newer version', async () => {
      expect(await on(page, 'upgradeDatabase')).toBe('done');
      expect(await on(page, 'openFault', 'indexedDB')).toBe('failed');
    });
  });
});
