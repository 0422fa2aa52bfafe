import { jest } from '@jest/globals';
import { setTimeout } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { describeWith } from '../support/debian.js';
import { wireServer } from '../support/wireServer.js';
import { launch } from './launch.js';
import type { Transport } from './leavingPage.js';
import { bundle, openSite } from './site.js';

jest.setTimeout(40_000);

describeWith('chromium', 'a page that goes away', (executablePath) => {
  let browser: Browser;
  let script: string;

  beforeAll(async () => {
    const launched = launch(executablePath);
    script = await bundle('spec/browser/leavingPage.ts');
    browser = await launched;
  });
  afterAll(() => browser.close());

  // Over HTTP, the server sees at times the end of the page before its last request.
  it.each<[Transport, number]>([
    ['webSocket', 4],
    ['serverSentEvents', 1],
    ['longPolling', 1],
  ])('still sends over %s what it writes while it goes, in %d of 4 cases at least', async (transport, cases) => {
    const site = await openSite(browser, script);
    const received: unknown[] = [];
    const server = await wireServer((wire) => wire.subscribe(({ payload }) => received.push(payload)), { origins: [site.origin] });
    const scheme = transport === 'webSocket' ? 'ws' : 'http';
    const url = `${scheme}://127.0.0.1:${server.port}/wire`;
    for (let round = 1; round <= 4; round++) {
      const page = await site.open(`?${String(new URLSearchParams({ transport, url }))}`);
      await page.waitForFunction(() => window.wireStatus === 'connected');
      // The answers of the handshake are under way.
      await setTimeout(200);
      await (round % 2 ? page.close({ runBeforeUnload: false }) : page.goto(site.origin));
      for (let wait = 0; received.length < round * 10 && wait < 40; wait++) await setTimeout(25);
      await page.close();
    }
    expect(received.length).toBeGreaterThanOrEqual(10 * cases);
    expect(received).toEqual(received.map((_, index) => (index % 10) + 1));
    await site.close();
    await server.close();
  });
});
