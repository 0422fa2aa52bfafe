import { jest } from '@jest/globals';
import { setTimeout } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { folder } from '../stores/lmdb/folder.js';
import { describeInBrowsers, launch } from './launch.js';
import { buildServer, startServer, type DurableServer } from './durableServer.js';
import type { Kind } from './pageSupport.js';
import type { Report } from './reloadingPage.js';
import type { Toolbox } from './sessionPage.js';
import { bundle, freezePages, openSite, type Site } from './site.js';

jest.setTimeout(60_000);

const kinds: readonly Kind[] = ['indexedDB', 'localStorage'];

/** The ids `a1`, `a2` … */
const ids = (name: string, last: number, first = 1): readonly string[] =>
  Array.from({ length: last + 1 - first }, (_, index) => `${name}${first + index}`);

describeInBrowsers('a session in a browser', (engine, executablePath) => {
  let browser: Browser;
  let sessionPage: string;
  let reloadingPage: string;
  let server: DurableServer;
  let site: Site;

  beforeAll(async () => {
    const launched = launch(executablePath);
    buildServer();
    [sessionPage, reloadingPage] = await Promise.all([bundle('spec/browser/sessionPage.ts'), bundle('spec/browser/reloadingPage.ts')]);
    browser = await launched;
  });
  afterAll(() => browser.close());

  async function begin(script: string, pingInterval?: number): Promise<void> {
    site = await openSite(browser, script);
    server = await startServer(folder(), site.origin, pingInterval);
  }
  afterEach(async () => {
    await site.close();
    await server.close();
    expect(site.complaints).toEqual([]);
  });

  type Answer<Name extends keyof Toolbox> = Awaited<ReturnType<Toolbox[Name]>>;
  async function on<Name extends keyof Toolbox>(page: Page, name: Name, ...args: Parameters<Toolbox[Name]>): Promise<Answer<Name>> {
    return page.evaluate<Answer<Name>, never>(call as never, [name, args] as never);
  }
  /** Waits until the answer is yes. */
  async function until<Name extends keyof Toolbox>(page: Page, name: Name, ...args: Parameters<Toolbox[Name]>): Promise<void> {
    while (!(await on(page, name, ...args))) await setTimeout(5);
  }
  const call = ([name, args]: readonly [keyof Toolbox, readonly unknown[]]): unknown =>
    (window.sessionPage[name] as (...all: readonly unknown[]) => unknown)(...args);
  const open = (kind: Kind): Promise<Page> => site.open(`?${String(new URLSearchParams({ kind, url: server.url }))}`);

  it.each<[Kind, number]>([
    ['indexedDB', 25],
    ['localStorage', 15],
  ])('survives reloads in the middle of sending, cut connections and a killed server: %s, %i times', async (kind, lives) => {
    await begin(reloadingPage);
    const through = new Promise<Report>((resolve) => void site.context.exposeFunction('through', resolve));
    const restarts: Promise<void>[] = [];
    await site.context.exposeFunction('begun', (life: number) => {
      if (life % 3 === 0) server.proxy.cut();
      if (life % 8 === 5) restarts.push(server.restart());
    });
    await site.open(`?${String(new URLSearchParams({ kind, url: server.url, lives: String(lives) }))}`);

    const { survived, given, leftovers, status, errors } = await through;
    await Promise.all(restarts);
    expect(survived).toHaveLength(lives + 1);
    expect(server.effects()).toEqual(survived.flatMap((last, index) => ids(`${index + 1}:`, last)));
    expect(status).toBe('disconnected');
    // The server may have had something for a page that is cut off before it has answered: it says so.
    expect(['ERR_CONNECTION_LOST', 'ERR_SESSION_LOST']).toEqual(expect.arrayContaining([...errors]));
    expect(leftovers).toBeGreaterThan(lives / 2);
    // What was given before the outbox was open could not survive, and little else.
    expect(survived.reduce((sum, last) => sum + last)).toBeGreaterThan(given / 2);
  });

  describe.each(kinds)('%s', (kind) => {
    let page: Page;
    beforeEach(async () => {
      await begin(sessionPage);
      page = await open(kind);
      await on(page, 'connect');
    });

    it('a second tab waits, then sends the messages that the first has left, and then its own', async () => {
      await on(page, 'send', ids('a', 3));
      await until(page, 'have', ids('a', 3), 'acked');
      await until(page, 'keeps', []);
      // They have their effects, and the page is not told.
      server.proxy.weather({ down: { swallow: true } });
      await on(page, 'send', ids('a', 5, 4));
      await server.effect('a5');
      await until(page, 'keeps', ids('a', 5, 4));

      const second = await open(kind);
      await on(second, 'connect');
      await on(second, 'send', ids('b', 2));
      await until(second, 'waiting');
      expect(await on(second, 'status')).toBe('connecting');
      expect([await on(page, 'waitsFor'), await on(second, 'waitsFor')]).toEqual([undefined, 'outbox']);
      expect(await on(second, 'which', 'sent')).toEqual([]);

      server.proxy.weather({});
      await page.close();
      await until(second, 'have', [...ids('a', 5, 4), ...ids('b', 2)], 'acked');
      expect(await on(second, 'waitsFor')).toBeUndefined();
      expect(await on(second, 'finish')).toBe('disconnected');
      expect(server.effects()).toEqual([...ids('a', 5), ...ids('b', 2)]);
      expect(await on(second, 'failures')).toEqual([]);
    });

    it.each(['by a second tab', 'by somebody else'])('ends the wire whose lock is stolen %s, and doubles nothing', async (by) => {
      await on(page, 'flow', 'a');
      await until(page, 'have', ids('a', 5), 'acked');
      const second = await open(kind);
      if (by === 'by somebody else') await on(second, 'stealLocks');
      await on(second, 'connect', { steal: by === 'by a second tab' });
      await on(second, 'send', ids('b', 20));

      expect(await on(page, 'ended')).toBe('error');
      const before = await on(page, 'which', 'sent');
      const given = await on(page, 'stop');
      expect(await on(page, 'failures')).toContain('ERR_STORE fenced');
      await until(second, 'have', ids('b', 20), 'acked');
      expect(await on(second, 'finish')).toBe('disconnected');
      if (kind === 'indexedDB') expect(await on(second, 'failures')).toEqual([]);

      expect(await on(page, 'which', 'sent')).toEqual(before);
      const acked = await on(page, 'which', 'acked');
      const firsts = server.effects().filter((id) => id.startsWith('a'));
      expect(server.effects()).toEqual([...ids('a', firsts.length), ...ids('b', 20)]);
      expect(firsts.slice(0, acked.length)).toEqual(acked);
      expect(firsts.length).toBeLessThan(given);
      const dead = await on(page, 'which', 'dead');
      expect(dead.filter((id) => firsts.includes(id))).toEqual([]);
    });

    // Only Chromium lets a test clear the storage of a site, set its quota, and stop its processes.
    if (engine === 'chromium')
      it('says so when the storage is cleared, and keeps again all that is not acked', async () => {
        await on(page, 'send', ids('a', 3));
        await until(page, 'have', ids('a', 3), 'acked');
        await until(page, 'keeps', []);
        // They do not get to the server.
        server.proxy.weather({ up: { swallow: true } });
        await on(page, 'send', ids('a', 6, 4));
        await until(page, 'have', ids('a', 6, 4), 'sent');
        await until(page, 'keeps', ids('a', 6, 4));
        await site.order(page, 'Storage.clearDataForOrigin', { origin: site.origin, storageTypes: 'all' });
        const unacked = ids('a', kind === 'localStorage' ? 7 : 6, 4);
        if (kind === 'localStorage') {
          // It says nothing by itself: what has become of it is seen when something is written.
          await until(page, 'keeps', []);
          await on(page, 'send', ['a7']);
        }
        await until(page, 'failed', 'ERR_STORE evicted');
        await until(page, 'keeps', unacked);
        expect(await on(page, 'failures')).toEqual(['ERR_STORE evicted']);

        await page.reload();
        server.proxy.weather({});
        await on(page, 'connect');
        await on(page, 'send', ['b1']);
        await until(page, 'have', [...unacked, 'b1'], 'acked');
        expect(await on(page, 'finish')).toBe('disconnected');
        expect(server.effects()).toEqual([...ids('a', 3), ...unacked, 'b1']);
        expect(await on(page, 'failures')).toEqual([]);
      });

    if (engine === 'chromium')
      it('loses and doubles nothing when the storage is cleared while it sends', async () => {
        await on(page, 'flow', 'a');
        for (const last of [50, 100, 150]) {
          await until(page, 'have', ids('a', last), 'acked');
          await site.order(page, 'Storage.clearDataForOrigin', { origin: site.origin, storageTypes: 'all' });
        }
        const given = await on(page, 'stop');
        expect(await on(page, 'finish')).toBe('disconnected');
        expect(server.effects()).toEqual(ids('a', given));
        const failures = await on(page, 'failures');
        expect(failures.filter((failure) => failure !== 'ERR_STORE evicted')).toEqual([]);
        // Where all of localStorage has just been written again, nobody can see that it was cleared.
        if (kind === 'indexedDB') expect(failures).toContain('ERR_STORE evicted');
      });
  });

  if (engine === 'chromium')
    it('gives up a message that there is no room for, and no other', async () => {
      await begin(sessionPage);
      const page = await open('indexedDB');
      // Before the first write: what room there is, the browser remembers for a while.
      await site.order(page, 'Storage.overrideQuotaForOrigin', { origin: site.origin, quotaSize: 500_000 });
      await on(page, 'connect');
      await on(page, 'send', ids('a', 2));
      await until(page, 'have', ids('a', 2), 'acked');
      await on(page, 'send', ['large'], 900_000);
      await on(page, 'send', ids('a', 4, 3));
      await until(page, 'have', ids('a', 4), 'acked');
      expect(await on(page, 'which', 'dead')).toEqual(['large']);
      expect(await on(page, 'failures')).toEqual(['ERR_STORE quota']);
      expect(await on(page, 'status')).toBe('connected');
      // The lost message is an error of the wire at its end.
      expect(await on(page, 'finish')).toBe('error');
      expect(server.effects()).toEqual(ids('a', 4));
    });

  if (engine === 'chromium')
    it.each(['the server has given it up', 'its connection has died without a word'])('wakes from being frozen while %s', async (what) => {
      await begin(sessionPage, 200);
      const page = await open('indexedDB');
      await on(page, 'connect');
      await on(page, 'flow', 'a');
      await until(page, 'have', ids('a', 5), 'acked');
      const loss = server.loss();
      const wake = await freezePages(browser);
      if (what !== 'the server has given it up') server.proxy.cutFar();
      await loss;
      wake();
      await on(page, 'ask', 'b');
      await until(page, 'answered', 'b');
      const given = await on(page, 'stop');
      expect(await on(page, 'finish')).toBe('disconnected');
      expect(server.effects().filter((id) => id !== 'b')).toEqual(ids('a', given));
      expect(await on(page, 'answers')).toEqual(['b']);
      expect(new Set(await on(page, 'failures'))).toEqual(new Set(['ERR_CONNECTION_LOST']));
    });
});
