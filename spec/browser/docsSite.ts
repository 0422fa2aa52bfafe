import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page, Response } from 'playwright-core';
import { serveFolder } from '../../scripts/site/serveFolder.js';
import { htmlFolder } from '../../scripts/site/siteFolders.js';
import { launch } from './launch.js';

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

export interface Look {
  readonly colorScheme?: 'dark' | 'light';
  readonly width?: number;
  /** Whether the reader likes moving pictures. @default false */
  readonly hasMotion?: boolean;
  /** Called with each response of the page, and its own. */
  readonly onResponse?: (response: Response) => void;
}

/** The documentation site in a browser. `npm run docs:check` has built it. */
export interface DocsSite {
  readonly origin: string;
  /** Errors of the console, missing files, and requests to another host. */
  readonly complaints: string[];
  /** Opens a page in a context of its own. */
  open(path: string, look?: Look): Promise<Page>;
  /** Opens a page that is blank, in a context of its own. */
  blank(look?: Look): Promise<Page>;
  close(): Promise<void>;
}

export async function openDocsSite(executablePath: string): Promise<DocsSite> {
  if (!existsSync(`${htmlFolder}index.html`)) throw new Error('the site is not built: npm run docs');
  const [browser, server] = await Promise.all([launch(executablePath), serveFolder(htmlFolder, 0)]);
  const complaints: string[] = [];

  const blank = async ({ colorScheme = 'light', width = 1_280, hasMotion, onResponse }: Look = {}): Promise<Page> => {
    const context = await browser.newContext({
      colorScheme,
      viewport: { width, height: 844 },
      reducedMotion: hasMotion === true ? 'no-preference' : 'reduce',
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
    page.on('pageerror', ({ message }) => complaints.push(message));
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(`${server.origin}/`) && !url.startsWith('data:')) complaints.push(`request to ${url}`);
    });
    page.on('response', (response) => {
      if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
      onResponse?.(response);
    });
    return page;
  };
  return {
    origin: server.origin,
    complaints,
    blank,
    async open(path, look) {
      const page = await blank(look);
      await page.goto(server.origin + path);
      return page;
    },
    async close() {
      await browser.close();
      server.close();
    },
  };
}

/** Returns the problems that axe finds serious, without some rules. */
export async function problems(page: Page, without: readonly string[] = []): Promise<readonly string[]> {
  await page.addScriptTag({ path: AXE });
  const rules = Object.fromEntries(without.map((rule) => [rule, { enabled: false }]));
  const { violations } = await page.evaluate(
    (options) => (window as unknown as { readonly axe: { run: (options: object) => Promise<AxeResults> } }).axe.run(options),
    { rules },
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${String(target)}: ${failureSummary ?? ''}`));
}
