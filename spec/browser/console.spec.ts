import { jest } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { startConsole, type Console } from '../../docs/examples/console/server.js';
import { launch } from './launch.js';
import { describeWith } from '../support/debian.js';

// A browser, a server and a process for each program.
jest.setTimeout(30_000);

describeWith('chromium', 'the console’s page', (executablePath) => {
  let browser: Browser;
  let server: Console;
  let page: Page;
  /** What the page complains of: errors, warnings, violations of its policy. */
  let complaints: string[];

  beforeAll(async () => {
    browser = await launch(executablePath);
  });
  afterAll(() => browser.close());

  beforeEach(async () => {
    complaints = [];
    server = await startConsole({ port: 0 });
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    page.setDefaultTimeout(20_000);
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
    page.on('pageerror', ({ message }) => complaints.push(message));
    await page.goto(server.url);
    await shows('#state', 'Connected');
  });
  afterEach(async () => {
    await page.close();
    await server.close();
    expect(complaints).toEqual([]);
  });

  const shows = (selector: string, text: string): Promise<void> => page.locator(selector).filter({ hasText: text }).waitFor();
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const textOf = async (selector: string): Promise<string> => (await page.locator(selector).textContent()) ?? '';
  const counters = async (): Promise<unknown> => ({ lost: await textOf('#lost'), doubled: await textOf('#doubled') });
  const run = async (code: string): Promise<void> => {
    await page.getByLabel('JavaScript to run').fill(code);
    await button('Run').click();
  };

  it('runs a program', async () => {
    await run('console.log(6 * 7)');
    await shows('#outcome', 'Exit code 0');
    expect(await textOf('#lines')).toBe('42\n');
    expect(await textOf('#received')).toBe('2');
    expect(await counters()).toEqual({ lost: '0', doubled: '0' });
  });

  it('shows output as it comes, and all of it although the connection is cut meanwhile', async () => {
    await run(`for (let n = 1; n <= 60; n++) { console.log(n); await new Promise((done) => setTimeout(done, 40)); }`);
    await shows('#lines', '10\n');
    expect(await textOf('#outcome')).toBe('Running');

    await button('Cut the connection').click();
    await shows('#state', 'Reconnecting');
    await shows('#outcome', 'Offline, waiting to resume');
    await shows('#state', 'Connected');
    await shows('#outcome', 'Exit code 0');

    expect(await textOf('#lines')).toBe(Array.from({ length: 60 }, (_, index) => `${index + 1}\n`).join(''));
    expect(await counters()).toEqual({ lost: '0', doubled: '0' });
    const events = (await page.locator('#timeline li span').allTextContents()).reverse();
    expect(events.slice(1, 5)).toEqual(['Connected', 'You cut the connection', 'Connection lost, reconnecting', 'Resumed']);
  });

  it('stops a program', async () => {
    await run('console.log("round"); for (;;);');
    await shows('#lines', 'round');
    await button('Stop').click();
    await shows('#outcome', 'Stopped');
    await button('Run').waitFor();
  });

  it('tells an error from output, and why a program was stopped', async () => {
    await run('console.error("oh"); process.exitCode = 3');
    await shows('#outcome', 'Exit code 3');
    expect(await textOf('#lines .stderr')).toBe('oh\n');
    await run('const all = []; for (;;) all.push([1, 2, 3]);');
    await shows('#outcome', 'stopped: out of memory');
  });

  it('shows markup as the text that it is', async () => {
    const markup = '<img src=x onerror="document.title=1"><script>document.title=1</script>';
    await run(`console.log(${JSON.stringify(markup)})`);
    await shows('#outcome', 'Exit code 0');
    expect(await textOf('#lines')).toBe(`${markup}\n`);
    expect(await page.locator('#lines img, #paint img, #lines script').count()).toBe(0);
  });

  it('keeps the end of a flood, and stays usable', async () => {
    await run('for (let n = 1; ; n++) console.log(n)');
    await shows('#outcome', 'stopped: more than 1,048,576 bytes of output');
    await shows('#dropped', 'earlier lines are not shown');
    expect((await textOf('#lines')).split('\n').length).toBeLessThan(8_000);
    await run('console.log("still here")');
    await shows('#lines', 'still here');
  });

  it('can be used by keyboard alone', async () => {
    const editor = page.getByLabel('JavaScript to run');
    await editor.fill('');
    await editor.focus();
    await page.keyboard.type('if (true) {');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await page.keyboard.type('console.log(1);');
    await page.keyboard.press('Enter');
    await page.keyboard.type('console.log(2);\n}');
    expect(await editor.inputValue()).toBe('if (true) {\n  console.log(1);\n  console.log(2);\n  }');
    expect(await textOf('#gutter')).toBe('1\n2\n3\n4');

    await page.keyboard.press('Control+Enter');
    await shows('#outcome', 'Exit code 0');
    expect(await textOf('#lines')).toBe('1\n2\n');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('screen');
  });

  it('offers examples', async () => {
    await page.getByLabel('Example').selectOption('Hello, 42');
    await button('Run').click();
    await shows('#lines', '42');
  });

  it('waits for a server that is gone, and goes on with the next', async () => {
    const port = Number(new URL(server.url).port);
    await server.close();
    await shows('#state', 'Reconnecting');
    await run('console.log("at last")');
    await shows('#outcome', 'Offline');
    server = await startConsole({ port });
    await shows('#lines', 'at last');
    // Chromium reports each connection that is refused.
    complaints = complaints.filter((text) => !text.includes('ERR_CONNECTION_REFUSED'));
  });

  it.each([390, 600, 900, 1280])('fits a window of %i pixels', async (width) => {
    await page.setViewportSize({ width, height: 844 });
    await run('console.log("x".repeat(5_000))');
    await shows('#outcome', 'Exit code 0');
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
  });
});
