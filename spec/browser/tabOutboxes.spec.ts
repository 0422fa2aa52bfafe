import { jest } from '@jest/globals';
import { setTimeout as wait } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { describeWith } from '../support/debian.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/freePort.js';
import { wireServer } from '../support/wireServer.js';
import { launch } from './launch.js';
import { bundle, openSite, waitUntil, type Site } from './site.js';

jest.setTimeout(60_000);

const COUNT = 20;

describeWith('chromium', 'tabs with an outbox each', (executablePath) => {
  let browser: Browser;
  let script: string;
  let site: Site;
  let port: number;
  let server: Awaited<ReturnType<typeof wireServer>> | undefined;
  let received: (readonly [id: string, number: number])[];

  beforeAll(async () => {
    [browser, script] = await Promise.all([launch(executablePath), bundle('spec/browser/tabOutboxesPage.ts')]);
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    [site, port] = await Promise.all([openSite(browser, script), freePort()]);
    received = [];
  });
  afterEach(async () => {
    expect(site.complaints).toEqual([]);
    await site.close();
    await server?.close();
    server = undefined;
  });

  const serve = async (): Promise<void> => {
    const onMessage = ({ payload }: { readonly payload: unknown }) => void received.push(payload as (typeof received)[0]);
    server = await wireServer((wire) => wire.subscribe(onMessage), { origins: [site.origin] }, port);
  };
  const open = async (kind: string): Promise<Page> => {
    const page = await site.open(`?${String(new URLSearchParams({ kind, url: `ws://127.0.0.1:${port}/wire` }))}`);
    await page.waitForFunction(() => 'tabPage' in window && window.tabPage.number() !== null);
    return page;
  };
  const openThree = async (kind: string): Promise<readonly [Page, Page, Page]> => [await open(kind), await open(kind), await open(kind)];
  const store = (page: Page, id: string, first = 1): Promise<void> =>
    page.evaluate(([name, from, count]) => window.tabPage.store(name, from, count), [id, first, COUNT] as const);
  const numbersOf = (id: string): readonly number[] => received.flatMap(([name, number]) => (name === id ? [number] : []));
  const all = (count = COUNT): readonly number[] => Array.from({ length: count }, (_, index) => index + 1);
  const crash = async (page: Page): Promise<void> => {
    const devtools = await site.context.newCDPSession(page);
    devtools.send('Page.crash').catch(() => undefined);
    await page.waitForEvent('crash');
  };
  /** Only the first tab has drained something: the outbox of the second tab. */
  const expectDrained = async (first: Page, third: Page, names: readonly string[]): Promise<void> => {
    await waitUntil(first, async (count) => Promise.resolve(window.tabPage.drained().length >= count), names.length);
    expect(await first.evaluate(() => window.tabPage.drained())).toEqual(names.map((name) => [name, 'sent']));
    expect(await third.evaluate(() => window.tabPage.drained())).toEqual([]);
  };

  describe.each(['indexedDB', 'localStorage'])('in %s', (kind) => {
    it.each([
      ['is closed', (page: Page) => page.close()],
      ['crashes', crash],
    ])('send what a tab has stored that %s', async (_, end) => {
      const [first, second, third] = await openThree(kind);
      await store(second, 'second');
      await end(second);
      await serve();
      await eventually(() => expect(numbersOf('second')).toEqual(all()), 10_000);
      await expectDrained(first, third, ['notes-2']);
      // Nothing is sent again.
      await wait(3_000);
      expect(received).toHaveLength(COUNT);
      expect(await first.evaluate(() => window.tabPage.held())).toEqual(
        expect.arrayContaining(['rxwire:outboxes:notes', 'rxwire:outboxes:notes:1', 'rxwire:outboxes:notes:3']),
      );
    });
  });

  it('send what a tab has stored that is closed at once, also when the tab that drains ends', async () => {
    const first = await open('indexedDB');
    const second = await open('indexedDB');
    await waitUntil(first, async () => (await window.tabPage.held()).length === 3, undefined);
    await wait(2_500);
    const third = await open('indexedDB');
    await store(third, 'third');
    await third.close();
    await store(first, 'first');
    await crash(first);
    await serve();
    await eventually(() => expect([numbersOf('third'), numbersOf('first')]).toEqual([all(), all()]), 15_000);
    await waitUntil(second, async () => Promise.resolve(window.tabPage.drained().length === 2), undefined);
    expect(await second.evaluate(() => window.tabPage.drained())).toEqual(
      expect.arrayContaining([
        ['notes', 'sent'],
        ['notes-3', 'sent'],
      ]),
    );
    expect(received).toHaveLength(2 * COUNT);
    expect(await second.evaluate(() => window.tabPage.databases())).toEqual(['rxwire:notes', 'rxwire:notes-2', 'rxwire:notes-3']);
  });

  it('continue with their own outbox after a reload, in order', async () => {
    const [first, second, third] = await openThree('indexedDB');
    await store(second, 'second');
    await first.close();
    for (let reload = 1; reload <= 3; reload++) {
      await second.reload();
      await second.waitForFunction(() => 'tabPage' in window && window.tabPage.number() !== null);
      await store(second, 'second', reload * COUNT + 1);
      expect(await second.evaluate(() => window.tabPage.number())).toBe('2');
    }
    await serve();
    await eventually(() => expect(numbersOf('second')).toEqual(all(4 * COUNT)), 10_000);
    await wait(2_500);
    expect(received).toHaveLength(4 * COUNT);
    expect(await third.evaluate(() => window.tabPage.drained())).toEqual([]);
  });
});
