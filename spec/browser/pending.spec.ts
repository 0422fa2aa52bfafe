import { jest } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Browser, Page } from 'playwright-core';
import { NEVER, Subject } from 'rxjs';
import { json } from '../../lib/codec/json.js';
import { msgpack } from '../../lib/codec/msgpack.js';
import { listen } from '../../lib/server/listen.js';
import { consume } from '../../lib/operators/consume/consume.js';
import { freePort } from '../support/freePort.js';
import { describeInBrowsers, launch } from './launch.js';
import type { Kind } from './pageSupport.js';
import type { Row } from './pendingPage.js';
import { bundle, openSite } from './site.js';

jest.setTimeout(60_000);

describeInBrowsers('the pending messages of a page', (_, executablePath) => {
  let browser: Browser;
  let script: string;
  beforeAll(async () => {
    [browser, script] = await Promise.all([launch(executablePath), bundle('spec/browser/pendingPage.ts')]);
  });
  afterAll(() => browser.close());

  const rowsOf = (page: Page): Promise<readonly Row[]> => page.evaluate(() => window.pendingPage.rows());
  const until = async (page: Page, ...statuses: string[]): Promise<readonly Row[]> => {
    await page.waitForFunction(
      (wanted) =>
        window.pendingPage
          .rows()
          .map(({ status }) => status)
          .join() === wanted,
      statuses.join(),
    );
    return rowsOf(page);
  };

  it.each<Kind>(['indexedDB', 'localStorage'])('are there again after a reload, stored, then sent, then done: %s', async (kind) => {
    const site = await openSite(browser, script);
    const port = await freePort();
    const page = await site.open(`?${String(new URLSearchParams({ kind, url: `ws://127.0.0.1:${port}/wire` }))}`);
    await page.evaluate(() => ['a', 'b'].forEach((id) => window.pendingPage.save(id)));
    const before = await until(page, 'stored', 'stored');
    expect(before).toMatchObject([
      { id: 'a', type: 'form.saved', payload: { field: 'a' } },
      { id: 'b', type: 'form.saved', payload: { field: 'b' } },
    ]);
    await page.reload();
    expect(await until(page, 'stored', 'stored')).toEqual(before);

    const gates = [new Subject<never>(), new Subject<never>()];
    const server = createServer();
    const serving = listen(server, { origins: [site.origin], codecs: [json(), msgpack()] }).subscribe((wire) => {
      wire.pipe(consume(({ id }) => gates['ab'.indexOf(id)] ?? NEVER, { concurrency: 2 })).subscribe();
    });
    await once(server.listen(port, '127.0.0.1'), 'listening');
    await until(page, 'sent', 'sent');
    gates[0]!.complete();
    expect(await until(page, 'sent')).toMatchObject([{ id: 'b' }]);
    gates[1]!.complete();
    await until(page);

    serving.unsubscribe();
    server.close();
    server.closeAllConnections();
    await site.close();
    expect(site.complaints).toEqual([]);
  });
});
