import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { build, type BuildOptions } from 'esbuild';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { inBrowsers } from '../support/inBrowsers.js';
import { isOfFirefox, launch } from './launch.js';

/** As strict as that of the console: no `eval`, no inline script, and only wires to this machine. */
const POLICY =
  "default-src 'none'; script-src 'self'; connect-src ws://127.0.0.1:* http://127.0.0.1:*; base-uri 'none'; require-trusted-types-for 'script'";

/** A site with one page and one script, and with storage of its own, that is empty at first. */
export interface Site {
  readonly origin: string;
  readonly context: BrowserContext;
  /** What the pages complain of: errors that nobody caught, promises that nobody minds, what the policy forbids. */
  readonly complaints: readonly string[];
  open(query?: string): Promise<Page>;
  /** Gives the browser an order of its DevTools protocol, for a page. */
  order(page: Page, name: Order, parameters: object): Promise<void>;
  close(): Promise<void>;
}

type Order = 'Storage.clearDataForOrigin' | 'Storage.overrideQuotaForOrigin';

/** The script of a page, with all that it imports. */
export async function bundle(entryPoint: string): Promise<string> {
  const options = { bundle: true, write: false, format: 'esm', target: 'es2022', plugins: [inBrowsers] } satisfies BuildOptions;
  const { outputFiles } = await build({ ...options, write: false as const, entryPoints: [entryPoint] });
  return outputFiles[0]!.text;
}

/**
 * Stops all pages where they are, as a tab that is frozen or a machine that sleeps; their connections stay, and nobody answers. Answers with
 * what wakes them.
 */
export async function freezePages(browser: Browser): Promise<() => void> {
  const devtools = await browser.newBrowserCDPSession();
  const { processInfo } = await devtools.send('SystemInfo.getProcessInfo');
  await devtools.detach();
  const pids = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
  const signal = (name: NodeJS.Signals) => (): void => pids.forEach((pid) => process.kill(pid, name));
  signal('SIGSTOP')();
  return signal('SIGCONT');
}

/** Waits until the answer of a page is yes. Playwright takes a promise for one. */
export async function waitUntil<A>(page: Page, answer: (parameter: A) => Promise<boolean>, parameter: A): Promise<void> {
  while (!(await page.evaluate(answer as never, parameter))) await setTimeout(5);
}

/** Serves a page with this script, and nothing else, at an origin of its own. */
export async function servePage(script: string) {
  const server = createServer(({ url }, response) => {
    const isScript = url === '/page.js';
    const headers = { 'content-type': isScript ? 'text/javascript' : 'text/html', 'content-security-policy': POLICY };
    response.writeHead(200, headers).end(isScript ? script : '<!doctype html><script type="module" src="/page.js"></script>');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = (): void => {
    server.close();
    server.closeAllConnections();
  };
  return { origin, close };
}

export async function openSite(browser: Browser, script: string): Promise<Site> {
  const { origin, close } = await servePage(script);
  const complaints: string[] = [];
  const context = await browser.newContext();

  return {
    origin,
    context,
    complaints,
    async open(query = '') {
      const page = await context.newPage();
      page.setDefaultTimeout(20_000);
      page.on('pageerror', ({ message }) => isOfFirefox(message) || complaints.push(message));
      page.on('console', (message) => message.text().includes('Content Security Policy') && complaints.push(message.text()));
      await page.goto(`${origin}/${query}`);
      return page;
    },
    async order(page, name, parameters) {
      const devtools = await context.newCDPSession(page);
      await devtools.send(name, parameters as never);
    },
    async close() {
      await context.close();
      close();
    },
  };
}

/** A browser with one page, for tests that have it together. */
export async function openAlone(executablePath: string, entryPoint: string) {
  const [browser, script] = await Promise.all([launch(executablePath), bundle(entryPoint)]);
  const site = await openSite(browser, script);
  const close = async (): Promise<void> => {
    await site.close();
    await browser.close();
  };
  return { ...site, page: await site.open(), close };
}
