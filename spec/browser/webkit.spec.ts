import { setTimeout } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { describeWith } from '../support/debian.js';
import { outboxCases } from '../support/outboxCases.js';
import { cases, transports, type Transport } from '../transports/cases.js';
import { startServer } from '../transports/server.js';
import type { Kind, Toolbox } from './outboxPage.js';
import { bundle, servePage } from './site.js';
import { startWebKit, type WebKitPage } from './webkit.js';

jest.setTimeout(60_000);

/**
 * Over SSE, WebKitGTK 2.54 keeps the last bytes of a burst in its network process until further bytes arrive: here, until the next comment of the server. So
 * does a plain `fetch` of 60,000 bytes, with and without a content length.
 */
const STALLS = 'holds back a sender whose reader is slow';

describeWith('webkit2gtk-driver', 'in WebKit', (driver) => {
  let webkit: Awaited<ReturnType<typeof startWebKit>>;
  let page: WebKitPage;
  beforeAll(async () => {
    webkit = await startWebKit(driver);
    ({ page } = webkit);
  });
  afterAll(() => webkit.close());

  async function openPage(entryPoint: string) {
    const site = await servePage(await bundle(entryPoint));
    await page.goto(site.origin);
    return site;
  }

  describe('a wire', () => {
    let site: Awaited<ReturnType<typeof openPage>>;
    let server: Awaited<ReturnType<typeof startServer>>;
    beforeAll(async () => {
      site = await openPage('spec/transports/page.ts');
      server = await startServer({ origins: [site.origin] });
    });
    afterAll(async () => {
      site.close();
      await server.close();
    });
    describe.each(Object.keys(transports) as Transport[])('%s', (transport) => {
      it.each(Object.keys(cases).filter((name) => transport !== 'sse' || name !== STALLS))('%s', async (name) => {
        const setting = { transport, url: server.url };
        expect(await page.evaluate((one, how) => window.runCase(one, how), name, setting)).toBeUndefined();
      });
    });
  });

  describe.each(['indexedDB', 'localStorage'] as const)('an outbox in %s', (kind: Kind) => {
    let site: Awaited<ReturnType<typeof openPage>>;
    beforeAll(async () => {
      site = await openPage('spec/browser/outboxPage.ts');
    });
    afterAll(() => site.close());

    const call = (method: keyof Toolbox, values: readonly unknown[]): unknown =>
      (window.toolbox[method] as (...all: readonly unknown[]) => unknown)(...values);
    const on = <Name extends keyof Toolbox>(one: WebKitPage, name: Name, ...args: Parameters<Toolbox[Name]>) =>
      one.evaluate(call, name, args) as Promise<Awaited<ReturnType<Toolbox[Name]>>>;

    it.each(Object.keys(outboxCases))('keeps the outbox contract: %s', async (title) => {
      await on(page, 'check', kind, title);
    });

    it('outlives a reload, and keeps a second tab waiting until the first is closed', async () => {
      const { pid } = await on(page, 'open', kind);
      expect(await on(page, 'append', 1)).toBeUndefined();
      await page.reload();
      expect(await on(page, 'open', kind)).toMatchObject({ pid, epoch: 2, batches: [1] });
      const second = await page.another();
      await second.goto(site.origin);
      await on(second, 'ask', kind);
      await setTimeout(200);
      expect(await on(second, 'isOpen')).toBe(false);
      await on(page, 'close');
      while (!(await on(second, 'isOpen')));
      expect(await on(second, 'append', 2)).toBeUndefined();
      await second.close();
    });
  });
});
