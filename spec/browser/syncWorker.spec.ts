import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { build } from 'esbuild';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { examplesOf } from '../docs/extract.js';
import { describeWith } from '../support/debian.js';
import type { Wire } from '../../lib/wire/wire.js';
import { freePort } from '../support/freePort.js';
import { inBrowsers } from '../support/inBrowsers.js';
import { wireServer } from '../support/wireServer.js';
import { launch } from './launch.js';

jest.setTimeout(40_000);

const RECIPE = 'docs/recipes/service-worker.md';

describeWith('chromium', 'the recipe for service workers', (executablePath) => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let port: number;
  const scripts: Record<string, string> = {};
  const pages = createServer(({ url }, response) => {
    const script = scripts[url!];
    const page = '<!doctype html><script type="module" src="/page.js"></script>';
    response.setHeader('content-type', script ? 'text/javascript' : 'text/html').end(script ?? (url === '/' ? page : ''));
  });
  const origin = (): string => `http://127.0.0.1:${(pages.address() as AddressInfo).port}`;

  beforeAll(async () => {
    await once(pages.listen(0, '127.0.0.1'), 'listening');
    port = await freePort();
    browser = await launch(executablePath);
    const [inPage, inWorker] = examplesOf(RECIPE, readFileSync(RECIPE, 'utf8')).map(({ code }) => code.replace('4870', String(port)));
    scripts['/page.js'] = await bundled(`${inPage}\nObject.assign(window, { save, wire });`);
    scripts['/worker.js'] = await bundled(inWorker!);
    context = await browser.newContext();
    page = await context.newPage();
    await page.goto(origin());
    await page.waitForFunction(() => 'save' in window);
  });
  afterAll(async () => {
    await browser.close();
    pages.close();
    pages.closeAllConnections();
  });

  async function bundled(contents: string): Promise<string> {
    const stdin = { contents, loader: 'ts', resolveDir: resolve('.') } as const;
    const alias = { 'rxwire/indexeddb': resolve('lib/stores/indexeddb/index.ts'), rxwire: resolve('lib/index.ts') };
    const built = await build({ stdin, alias, bundle: true, format: 'esm', target: 'es2022', write: false, plugins: [inBrowsers] });
    return built.outputFiles[0]!.text;
  }

  it('sends what a page has stored, when no page has the outbox', async () => {
    await page.evaluate(async () => {
      for (let number = 1; number <= 20; number++) window.save(String(number));
      await new Promise((stored) => window.wire.receipts$.subscribe(({ status }) => setTimeout(stored, status === 'stored' ? 200 : 5_000)));
    });
    await page.goto(`${origin()}/empty`);
    const received: unknown[] = [];
    const server = await wireServer((wire) => wire.subscribe(({ payload }) => received.push(payload)), { origins: [origin()] }, port);
    const devtools = await context.newCDPSession(page);
    const registered = new Promise<string>((found) =>
      devtools.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) =>
        registrations.forEach((one) => found(one.registrationId)),
      ),
    );
    await devtools.send('ServiceWorker.enable');
    const registrationId = await registered;
    const sync = () =>
      devtools.send('ServiceWorker.dispatchSyncEvent', { origin: origin(), registrationId, tag: 'send', lastChance: false });
    await sync();
    for (let wait = 0; received.length < 20 && wait < 400; wait++) await pause(25);
    expect(received).toEqual(Array.from({ length: 20 }, (_, index) => String(index + 1)));
    // There is nothing left to be sent.
    await sync();
    await pause(500);
    expect(received).toHaveLength(20);
    await server.close();
  });
});

declare global {
  interface Window {
    readonly save: (text: string) => void;
    readonly wire: Wire;
  }
}
