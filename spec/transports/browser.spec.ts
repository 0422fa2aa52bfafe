import { jest } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { describeInBrowsers, launch } from '../browser/launch.js';
import { bundle, openSite, type Site } from '../browser/site.js';
import { describeWith } from '../support/debian.js';
import { startNginx } from '../support/proxies.js';
import { cases, transports, type Transport } from './cases.js';
import { startServer, type Front } from './server.js';

jest.setTimeout(30_000);

describeInBrowsers('from a browser', (_, executablePath) => {
  let browser: Browser;
  let site: Site;
  let page: Page;
  beforeAll(async () => {
    const launched = launch(executablePath);
    const script = await bundle('spec/transports/page.ts');
    browser = await launched;
    site = await openSite(browser, script);
    page = await site.open();
    await page.waitForFunction(() => 'runCase' in window);
  });
  afterAll(async () => {
    await site.close();
    await browser.close();
    expect(site.complaints).toEqual([]);
  });

  const suite = (front?: (port: number) => Promise<Front>): void => {
    let server: Awaited<ReturnType<typeof startServer>>;
    beforeAll(async () => void (server = await startServer({ origins: [site.origin] }, front)));
    afterAll(() => server.close());

    describe.each(Object.keys(transports) as Transport[])('%s', (transport) => {
      it.each(Object.keys(cases))('%s', async (name) => {
        const setting = { transport, url: server.url };
        expect(await page.evaluate(([one, how]) => window.runCase(one, how), [name, setting] as const)).toBeUndefined();
      });
    });
  };
  describe('bare', () => suite());
  describeWith('nginx', 'behind nginx', (program) => suite((port) => startNginx(program, port)));
});
