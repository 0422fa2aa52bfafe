import type { Browser, BrowserContext, Page } from 'playwright-core';
import { visit } from './consolePage.js';
import { launch } from './launch.js';

/** Visitors of the console in the tests of a `describe`. Each has a browser of its own, as it were: they share nothing but the address. */
export function consoleVisitors(executablePath: string) {
  const contexts: BrowserContext[] = [];
  let browser: Browser;
  let complaints: string[] = [];

  beforeAll(async () => {
    browser = await launch(executablePath);
  });
  afterAll(() => browser.close());
  return {
    async open(url: string, permissions: string[] = []): Promise<Page> {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, permissions });
      contexts.push(context);
      return visit(await context.newPage(), `${url}/#shared`, complaints);
    },
    /** Forgets what Chromium reports of each connection that is refused, or that ends with another of its errors. */
    forgiveRefused(...errors: readonly string[]): void {
      complaints = complaints.filter((text) => !['ERR_CONNECTION_REFUSED', ...errors].some((error) => text.includes(error)));
    },
    /** Closes all pages. Returns what they have complained of. */
    async leave(): Promise<readonly string[]> {
      await Promise.all(contexts.splice(0).map((context) => context.close()));
      const all = complaints;
      complaints = [];
      return all;
    },
  };
}
