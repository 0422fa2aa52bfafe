import { jest } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import type { Subscription } from 'rxjs';
import { createMessage } from '../../lib/message/createMessage.js';
import { listen } from '../../lib/server/listen.js';
import type { ServerWire } from '../../lib/server/principal.js';
import { describeWith } from '../support/debian.js';
import { launch } from './launch.js';
import { bundle, openSite, type Site } from './site.js';

jest.setTimeout(120_000);

const TABS = 10;

describeWith('chromium', 'ten tabs with one connection', (executablePath) => {
  let browser: Browser;
  let script: string;
  let site: Site;
  let server: Server;
  let serving: Subscription;
  let tabs: Page[];
  let sockets: number;
  let faults: string[];
  let received: Map<string, number>;

  beforeAll(async () => {
    [browser, script] = await Promise.all([launch(executablePath), bundle('spec/browser/tabsPage.ts')]);
  });
  afterAll(() => browser.close());

  beforeEach(async () => {
    site = await openSite(browser, script);
    server = createServer();
    sockets = 0;
    faults = [];
    received = new Map();
    server.on('upgrade', (_, socket) => {
      sockets++;
      socket.on('close', () => sockets--);
    });
    const onWire = (wire: ServerWire): void => {
      wire.subscribe(({ payload }) => {
        const [name, number] = payload as readonly [string, number];
        const before = received.get(name) ?? 0;
        if (number !== before + 1) faults.push(`message ${number} of ${name} after ${before}`);
        received.set(name, number);
        wire.next(createMessage('test.answer', number));
      });
    };
    serving = listen(server, { origins: [site.origin] }).subscribe(onWire);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    tabs = [];
  });
  afterEach(async () => {
    await site.close();
    serving.unsubscribe();
    server.close();
    server.closeAllConnections();
  });

  const open = async (more: Readonly<Record<string, string>> = {}): Promise<Page> => {
    const { port } = server.address() as AddressInfo;
    const query = new URLSearchParams({ id: `tab${tabs.length}`, url: `ws://127.0.0.1:${port}/wire`, ...more });
    const page = await site.open(`?${String(query)}`);
    tabs.push(page);
    return page;
  };
  const openAll = async (): Promise<void> => {
    for (let index = 0; index < TABS; index++) await open();
    expect(site.complaints).toEqual([]);
    await Promise.all(tabs.map(connected));
  };
  const connected = (page: Page): Promise<unknown> => page.waitForFunction(() => window.tabsPage.status() === 'connected');
  /** Returns the one tab with a socket, when the server has one socket and all tabs are connected. */
  const leader = async (): Promise<Page> => {
    const end = performance.now() + 5_000;
    for (;;) {
      const counts = await Promise.all(tabs.map((page) => page.evaluate(() => window.tabsPage.sockets())));
      const total = counts.reduce((sum, count) => sum + count, 0);
      if (total === 1 && sockets === 1) {
        await Promise.all(tabs.map(connected));
        return tabs[counts.indexOf(1)]!;
      }
      if (performance.now() > end) throw new Error(`the tabs have ${counts.join()} sockets, and the server has ${sockets}`);
      await wait(20);
    }
  };
  const sendAll = (count: number): Promise<unknown> =>
    Promise.all(tabs.map((page) => page.evaluate((many) => window.tabsPage.send(many), count)));
  /** All that the open tabs have sent has arrived once and in order, with its receipt and its answer. */
  const expectAll = async (): Promise<void> => {
    for (const page of tabs) {
      await page.waitForFunction(() => {
        const { sent, acked, answers } = window.tabsPage.counts();
        return acked === sent && answers.length === sent;
      });
      const { sent, answers } = await page.evaluate(() => window.tabsPage.counts());
      expect(answers).toEqual(Array.from({ length: sent }, (_, index) => index + 1));
    }
    expect(faults).toEqual([]);
  };
  /** Something happens to the tab with the connection, while all tabs send. Returns how long the others took, in ms. */
  const handOver = async (happen: (page: Page) => Promise<unknown>): Promise<number> => {
    const former = await leader();
    await sendAll(20);
    const begun = performance.now();
    await happen(former);
    tabs = tabs.filter((page) => page !== former);
    await sendAll(20);
    await expectAll();
    await Promise.all(tabs.map(connected));
    return performance.now() - begun;
  };

  it('have one connection, on which all messages travel', async () => {
    await openAll();
    expect(sockets).toBe(1);
    await sendAll(100);
    await expectAll();
    await leader();
    expect([...received.values()]).toEqual(tabs.map(() => 100));
  });

  it('have one again when the tab with the connection closes', async () => {
    await openAll();
    const took = await handOver((page) => page.close());
    expect(took).toBeLessThan(3_000);
    await leader();
  });

  it('have one again when the tab with the connection crashes', async () => {
    await openAll();
    const took = await handOver(async (page) => {
      const devtools = await site.context.newCDPSession(page);
      devtools.send('Page.crash').catch(() => undefined);
      await page.waitForEvent('crash');
    });
    expect(took).toBeLessThan(3_000);
    await leader();
  });

  it('have one again when the tab with the connection is frozen, which continues as another tab', async () => {
    await openAll();
    const former = await leader();
    // Chromium does not freeze a page that DevTools show as visible: the page gets the event, and stands still.
    let frozen: Promise<unknown> | undefined;
    const took = await handOver((page) => {
      frozen = page.evaluate(() => {
        document.dispatchEvent(new Event('freeze'));
        return new Promise<void>((resolve) => {
          setTimeout(() => {
            window.tabsPage.hang(4_000);
            resolve();
          });
        });
      });
      return wait(50);
    });
    expect(took).toBeLessThan(3_000);
    await leader();
    await frozen;
    tabs.push(former);
    await sendAll(5);
    await expectAll();
    await leader();
  });

  it('do not wait for a tab with the connection that hangs', async () => {
    await openAll();
    const former = await leader();
    let hanging: Promise<unknown> | undefined;
    const took = await handOver((page) => {
      hanging = page.evaluate(() => window.tabsPage.hang(6_000));
      return wait(50);
    });
    expect(took).toBeLessThan(5_000);
    await hanging;
    tabs.push(former);
    await sendAll(5);
    await expectAll();
  });

  it('leave a tab alone that cannot share', async () => {
    const [first, second] = [await open(), await open({ alone: '' })];
    await Promise.all([first, second].map(connected));
    expect(sockets).toBe(2);
    await sendAll(10);
    await expectAll();
  });
});
