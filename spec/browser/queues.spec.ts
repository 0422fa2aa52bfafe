import { jest } from '@jest/globals';
import { build } from 'esbuild';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { describeInBrowsers, launch } from './launch.js';
import { deadLetterCases } from '../support/deadLetterCases.js';
import { queueCases } from '../support/queueCases.js';
import { storeCases } from '../support/storeCases.js';
import type { Queues } from './queuesPage.js';
import { waitUntil } from './site.js';

jest.setTimeout(30_000);

const ORIGIN = 'http://localhost';

describeInBrowsers('queues in a browser', (engine, executablePath) => {
  let browser: Browser;
  let script: string;
  let context: BrowserContext;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    const options = { bundle: true, write: false, format: 'iife', target: 'es2022' } as const;
    const [built, launched] = await Promise.all([
      build({ ...options, entryPoints: ['spec/browser/queuesPage.ts'] }),
      launch(executablePath),
    ]);
    script = built.outputFiles[0]!.text;
    browser = launched;
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    complaints = [];
    context = await browser.newContext();
    await context.route(`${ORIGIN}/**`, (route) => route.fulfill({ contentType: 'text/html', body: `<script>${script}</script>` }));
    page = await openPage();
  });
  afterEach(async () => {
    await context.close();
    expect(complaints).toEqual([]);
  });

  async function openPage(): Promise<Page> {
    const opened = await context.newPage();
    opened.setDefaultTimeout(20_000);
    opened.on('pageerror', ({ message }) => complaints.push(message));
    await opened.goto(ORIGIN);
    return opened;
  }
  async function on<Name extends keyof Queues>(one: Page, name: Name, ...args: Parameters<Queues[Name]>) {
    const call = ([method, values]: readonly [Name, unknown[]]): unknown =>
      (window.queues[method] as (...all: unknown[]) => unknown)(...values);
    return one.evaluate<Awaited<ReturnType<Queues[Name]>>, never>(call as never, [name, args] as never);
  }
  const depthIs = (one: Page, depth: number) => one.waitForFunction((wanted) => window.queues.depth() === wanted, depth);
  const doneAre = (one: Page, count: number) => one.waitForFunction((wanted) => window.queues.done().length === wanted, count);

  it.each(Object.keys(queueCases))('IndexedDB: %s', (title) => on(page, 'check', title));

  it.each(Object.keys(storeCases))('a store in IndexedDB: %s', (title) => on(page, 'checkStore', title));

  it.each(Object.keys(deadLetterCases))('dead letters in IndexedDB: %s', (title) => on(page, 'checkLetters', title));

  it('continue after a reload with the unfinished messages', async () => {
    await on(page, 'process', 'b');
    await on(page, 'add', 'a', 'b', 'c');
    await doneAre(page, 2);
    // What is done before it is written is not; this is behind what is being written.
    await on(page, 'add', 'd');
    await doneAre(page, 3);
    await page.reload();
    await on(page, 'process');
    await doneAre(page, 1);
    expect(await on(page, 'done')).toEqual(['b']);
    await page.reload();
    await on(page, 'watch');
    await waitUntil(page, async () => (await window.queues.locks()).held?.length === 1, undefined);
    expect(await on(page, 'depth')).toBe(0);
  });

  it('wait in a second tab until the first is closed', async () => {
    await on(page, 'watch');
    await on(page, 'add', 'a');
    await depthIs(page, 1);
    const second = await openPage();
    await on(second, 'process');
    await on(second, 'add', 'b');
    await waitUntil(second, async () => (await window.queues.locks()).pending?.length === 1, undefined);
    expect(await on(second, 'done')).toEqual([]);
    await on(page, 'close');
    await doneAre(second, 2);
    expect(await on(second, 'done')).toEqual(['b', 'a']); // told when it is certain that it does not come again
  });

  // Only Chromium lets a test clear the storage of a site.
  if (engine === 'chromium')
    it('report the loss of stored messages, and continue', async () => {
      await on(page, 'watch');
      await on(page, 'add', 'a');
      await waitUntil(page, async () => (await window.queues.stored()).length === 1, undefined);
      const devtools = await context.newCDPSession(page);
      const adding = on(page, 'addUntilEvicted');
      await devtools.send('Storage.clearDataForOrigin', { origin: ORIGIN, storageTypes: 'indexeddb' });
      const last = await adding;
      await waitUntil(page, async (id) => (await window.queues.stored()).includes(id), last);
      const stored = await on(page, 'stored');
      expect(await on(page, 'faults')).toEqual(['evicted']);
      await page.reload();
      await on(page, 'process');
      await doneAre(page, stored.length);
      expect(await on(page, 'done')).toEqual(stored);
    });
});
