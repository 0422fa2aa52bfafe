import { createRequire } from 'node:module';
import { jest } from '@jest/globals';
import type { AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { startConsole, type Console } from '../../docs/examples/console/server.js';
import { describeWith } from '../support/debian.js';
import { visit } from './consolePage.js';
import { launch } from './launch.js';

// A browser, a server and a program.
jest.setTimeout(60_000);

const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

describeWith('chromium', 'the console for everybody', (executablePath) => {
  let browser: Browser;
  let server: Console;

  beforeAll(async () => {
    browser = await launch(executablePath);
    // A machine that is busy with other things may take its time.
    server = await startConsole({ port: 0, timeLimit: 30_000 });
  });
  afterAll(async () => {
    await browser.close();
    await server.close();
  });

  /** Opens the console, and runs axe in it before its own scripts, which its policy lets nobody else do later. */
  async function open(colorScheme: 'dark' | 'light', width: number, complaints: string[]): Promise<Page> {
    const context = await browser.newContext({ colorScheme, viewport: { width, height: 844 }, reducedMotion: 'reduce' });
    await context.addInitScript({ path: AXE });
    return visit(await context.newPage(), server.url, complaints);
  }

  /** What axe finds, by rule, with the elements. */
  async function problems(page: Page): Promise<readonly string[]> {
    const { violations } = await page.evaluate(() => (window as unknown as { readonly axe: { run: () => Promise<AxeResults> } }).axe.run());
    return violations.map(({ id, impact, nodes }) => `${impact}: ${id}: ${nodes.map(({ target }) => String(target)).join(', ')}`);
  }

  it.each([
    ['dark', 1280],
    ['light', 1280],
    ['dark', 390],
    ['light', 390],
  ] as const)('has nothing that axe objects to: %s, %i pixels', async (colorScheme, width) => {
    const complaints: string[] = [];
    const page = await open(colorScheme, width, complaints);
    const click = (name: string): Promise<void> => page.getByRole('button', { name, exact: true }).click();
    const shows = (selector: string, text: string): Promise<void> => page.locator(selector).filter({ hasText: text }).first().waitFor();
    expect(await problems(page)).toEqual([]);

    await page.getByLabel('Files to upload').setInputFiles([{ name: 'input.txt', mimeType: 'text/plain', buffer: Buffer.from('ping') }]);
    await shows('#files', 'input.txt');
    await click('Run');
    await shows('#lines', '3 ▪');
    await click('Assistant');
    await page.getByLabel('Question').fill('What does it do?');
    await click('Ask');
    await shows('#talk .answer', 'Lines of the program');
    await click('Inspector');
    await click('Black hole');
    await shows('#state', 'Reconnecting');
    expect(await problems(page)).toEqual([]);

    await click('Black hole');
    await shows('#now-text', 'Back after');
    await page.locator('#frames summary').last().click();
    await click('Pause');
    await click('Kill the session');
    await shows('#timeline', 'Connected again');
    await shows('#outcome', 'Exit code 0');
    expect(await problems(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.close();
  });
});
