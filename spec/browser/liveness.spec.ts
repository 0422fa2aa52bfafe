import { jest } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { tcpProxy, type TcpProxy } from '../support/tcpProxy.js';
import { wireServer } from '../support/wireServer.js';
import { describeInBrowsers, launch } from './launch.js';
import type { LivenessToolbox } from './livenessPage.js';
import { bundle, openSite, type Site } from './site.js';

jest.setTimeout(30_000);

describeInBrowsers('a wire in a page whose browser says how it is', (_, executablePath) => {
  let browser: Browser;
  let script: string;
  let site: Site;
  let server: Awaited<ReturnType<typeof wireServer>>;
  let proxy: TcpProxy;

  beforeAll(async () => {
    const launched = launch(executablePath);
    script = await bundle('spec/browser/livenessPage.ts');
    browser = await launched;
  });
  afterAll(() => browser.close());
  beforeEach(async () => {
    site = await openSite(browser, script);
    server = await wireServer((wire) => wire.subscribe(), { origins: [site.origin] });
    proxy = await tcpProxy(server.port);
  });
  afterEach(async () => {
    await site.close();
    await proxy.close();
    await server.close();
    expect(site.complaints).toEqual([]);
  });

  const open = (): Promise<Page> => site.open(`?${String(new URLSearchParams({ url: `ws://127.0.0.1:${proxy.port}/wire` }))}`);
  const call = ([name, args]: readonly [keyof LivenessToolbox, readonly unknown[]]): unknown =>
    (window.livenessPage[name] as (...all: readonly unknown[]) => unknown)(...args);
  const until = <Name extends keyof LivenessToolbox>(
    page: Page,
    name: Name,
    ...args: Parameters<LivenessToolbox[Name]>
  ): Promise<unknown> => page.waitForFunction(call, [name, args] as const);
  /** It has lost its connection, and waits for a minute. */
  async function lost(page: Page): Promise<void> {
    await until(page, 'is', 'connected', false);
    proxy.cut();
    await until(page, 'is', 'reconnecting', false);
  }

  it('reports that it is offline, and reconnects at once when it is online, instead of in a minute', async () => {
    const page = await open();
    await lost(page);
    await site.context.setOffline(true);
    await until(page, 'is', 'reconnecting', true);
    await until(page, 'said', true);
    await site.context.setOffline(false);
    await until(page, 'is', 'connected', false);
    await until(page, 'said', false);
    expect(await page.evaluate(call as never, ['happened', ['online']] as never)).toBe(true);
  });

  // A page that can be seen cannot be frozen, and without a screen all can be seen: the events are real ones, but ours.
  it.each(['resume', 'visibilitychange'])('reconnects at once when the document says %s', async (name) => {
    const page = await open();
    await lost(page);
    await page.evaluate((type) => document.dispatchEvent(new Event(type)), name);
    await until(page, 'is', 'connected', false);
  });
});
