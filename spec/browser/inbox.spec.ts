import { jest } from '@jest/globals';
import { setTimeout } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { StoreError, type StoreFault } from '../../lib/message/errors.js';
import type { Inbox, InboxClaim, InboxLease } from '../../lib/stores/inbox.js';
import { folder } from '../stores/lmdb/folder.js';
import { inboxOwnerCases } from '../support/inboxOwnerCases.js';
import { seeded } from '../support/seeded.js';
import { buildServer, startServer, type DurableServer } from './durableServer.js';
import type { Toolbox } from './inboxPage.js';
import { describeInBrowsers, launch } from './launch.js';
import { bundle, openSite, type Site } from './site.js';

jest.setTimeout(60_000);

describeInBrowsers('inboxes in a browser', (_, executablePath) => {
  let browser: Browser;
  let script: string;
  let site: Site;
  let page: Page;
  let server: DurableServer | undefined;

  beforeAll(async () => {
    buildServer();
    [browser, script] = await Promise.all([launch(executablePath), bundle('spec/browser/inboxPage.ts')]);
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    site = await openSite(browser, script);
  });
  afterEach(async () => {
    await site.close();
    await server?.close();
    server = undefined;
    expect(site.complaints).toEqual([]);
  });

  type Answer<Name extends keyof Toolbox> = Awaited<ReturnType<Toolbox[Name]>>;
  const call = ([name, args]: readonly [keyof Toolbox, readonly unknown[]]): unknown =>
    (window.inboxPage[name] as (...all: readonly unknown[]) => unknown)(...args);
  const on = <Name extends keyof Toolbox>(name: Name, ...args: Parameters<Toolbox[Name]>): Promise<Answer<Name>> =>
    page.evaluate<Answer<Name>, never>(call as never, [name, args] as never);
  /** Waits until a message has its effect. */
  const effect = async (id: string): Promise<void> => {
    while (!(await on('has', id))) await setTimeout(5);
  };
  /** The claim of a sender by an owner whose outbox has this epoch. */
  const claimOf = (epoch: number): InboxClaim => ({ owner: `owner/${epoch}`, epoch, n: 0 });
  const claimed = async (pid: string, epoch = 1): Promise<InboxLease> => (await on('claim', 'a', pid, claimOf(epoch))).lease!;

  describe('of several tabs', () => {
    let processes = 0;
    beforeEach(async () => {
      page = await site.open();
    });
    const stored = async (fault: Promise<unknown>): Promise<void> => {
      const found = await fault;
      if (found !== undefined) throw new StoreError('indexeddb', found as StoreFault);
    };
    /** An inbox of the page, as another tab opens it. */
    const open = (): Inbox => {
      const name = `shared:${++processes}`;
      return {
        claim: (pid, decide) => on('claim', name, pid, decide(undefined)),
        commit: (lease, cursor) => stored(on('commit', name, lease, cursor)),
        remember: (lease, session) => stored(on('remember', name, lease, session)),
      };
    };
    inboxOwnerCases(open, { code: 'ERR_STORE', fault: 'fenced' });
  });

  it('keep the effects of a message and the progress, both or neither', async () => {
    page = await site.open();
    const lease = await claimed('s');
    expect(await on('commitEffect', 'a', lease, 1, { tea: 1, salt: { grams: 2 }, soap: 3 })).toBeUndefined();
    expect(await on('commitEffect', 'a', lease, 2, { tea: 9, milk: 9 }, 'no milk')).toBe('no milk');
    expect(await on('commitEffect', 'a', lease, 3, { soap: null })).toBeUndefined();
    await page.reload();
    expect(await on('values', 'a')).toEqual([
      ['salt', { grams: 2 }],
      ['tea', 1],
    ]);
    expect(await on('value', 'a', 'tea')).toBe(1);
    expect(await on('value', 'a', 'milk')).toBeUndefined();
    expect((await on('claim', 'a', 's', undefined)).record?.cursor).toEqual({ done: 3, finished: [] });
  });

  it('refuse the writes of the tab before, and its effects', async () => {
    page = await site.open();
    const lease = await claimed('s');
    await on('commitEffect', 'a', lease, 1, { tea: 1 });
    await claimed('s', 2);
    expect(await on('commitEffect', 'a', lease, 2, { tea: 2 })).toBe('fenced');
    expect(await on('value', 'a', 'tea')).toBe(1);
  });

  it('keep dead letters, and open their database again after close', async () => {
    page = await site.open();
    const lease = await claimed('s');
    for (const reason of ['a', 'b', 'c']) await on('bury', 'a', lease, reason);
    await on('close', 'a');
    expect(await on('letters', 'a')).toEqual(['2 b', '3 c']);
  });

  it('keep the progress of the last 100 sessions', async () => {
    page = await site.open();
    for (let session = 0; session <= 100; session++) await on('commit', 'a', await claimed(`s${session}`), { done: 7, finished: [] });
    const doneOf = async (session: number) => (await on('claim', 'a', `s${session}`, undefined)).record?.cursor.done;
    expect([await doneOf(0), await doneOf(1), await doneOf(100)]).toEqual([undefined, 7, 7]);
  });

  it('have each effect once, across reloads in the middle of receiving, cut connections and a killed server', async () => {
    server = await startServer(folder(), site.origin);
    const random = seeded(7);
    page = await site.open(`?${String(new URLSearchParams({ url: server.url }))}`);
    await on('connect', 0);
    await on('ask', 'first');
    await effect('first');
    const restarts: Promise<void>[] = [];
    for (let life = 1; life <= 20; life++) {
      await page.reload();
      await on('connect', life);
      await on('flow', life);
      if (life % 3 === 0) server.proxy.cut();
      if (life % 8 === 5) restarts.push(server.restart());
      if (life % 2 === 0) await effect(`${life}:1`);
      await setTimeout(random() * 60);
    }
    await Promise.all(restarts);
    await page.reload();
    await on('connect', 21);
    await on('ask', 'last');
    await effect('last');
    const ids = await on('ids');
    expect(new Set(ids).size).toBe(ids.length);
    // A server that is killed after it has answered, and before its own effect is stored, answers again, with another message.
    expect([...new Set(await on('effects'))].sort()).toEqual([...server.effects()].sort());
    expect(ids.length).toBeGreaterThan(60);
  });
});
