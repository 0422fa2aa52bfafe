import { readFile } from 'node:fs/promises';
import { jest } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { startConsole, type Console } from '../../docs/examples/console/server.js';
import { visit } from './consolePage.js';
import { describeInBrowsers, launch } from './launch.js';

// A browser, a server and a process for each program.
jest.setTimeout(30_000);

describeInBrowsers('the console’s page', (engine, executablePath) => {
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
    // A machine that is busy with other things may take its time.
    server = await startConsole({ port: 0, timeLimit: 30_000 });
    page = await visit(await browser.newPage({ viewport: { width: 1280, height: 800 } }), server.url, complaints);
  });
  afterEach(async () => {
    await page.close();
    await server.close();
    expect(complaints).toEqual([]);
  });

  const shows = (selector: string, text: string | RegExp): Promise<void> => page.locator(selector).filter({ hasText: text }).waitFor();
  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const textOf = async (selector: string): Promise<string> => (await page.locator(selector).textContent()) ?? '';
  /** All but the one that the text is written to. */
  const fileNames = async (): Promise<string[]> =>
    (await page.locator('#files .name').allTextContents()).filter((name) => name !== 'program.mjs');
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

  it('shows output as it arrives, and all of it although the connection is cut', async () => {
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

  it('distinguishes errors from output, and shows why a program was stopped', async () => {
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

  it('uploads files, shows their progress, and downloads them', async () => {
    const big = Buffer.alloc(3_000_000, 'rxwire ');
    await page.getByLabel('Files to upload').setInputFiles([
      { name: 'input.txt', mimeType: 'text/plain', buffer: Buffer.from('ping') },
      { name: 'big.bin', mimeType: 'application/octet-stream', buffer: big },
    ]);
    await shows('#files li', '4 B');
    await shows('#files li', '2.9 MiB');
    await run(`import { readFile, writeFile } from 'node:fs/promises';
      await writeFile('output.txt', (await readFile('input.txt', 'utf8')).replace('i', 'o'));`);
    await shows('#files li', 'output.txt');
    expect(await fileNames()).toEqual(['big.bin', 'input.txt', 'output.txt']);

    // Playwright does not see the downloads of Firefox.
    if (engine === 'chromium') {
      const fetched = page.waitForEvent('download');
      await page.getByTitle('Download big.bin').click();
      expect((await readFile(await (await fetched).path())).equals(big)).toBe(true);
    }
    await page.getByTitle('Delete input.txt').click();
    await page.getByTitle('Delete input.txt').waitFor({ state: 'detached' });
    expect(await fileNames()).toEqual(['big.bin', 'output.txt']);
  });

  it('keeps the row of an upload when it is complete', async () => {
    await page.evaluate(() => {
      new MutationObserver((changes) => {
        const removed = changes.flatMap(({ removedNodes }) => [...removedNodes]).length;
        document.body.dataset['removed'] = String(Number(document.body.dataset['removed'] ?? 0) + removed);
      }).observe(document.querySelector('#files')!, { childList: true });
    });
    const buffer = Buffer.alloc(3_000_000);
    await page.getByLabel('Files to upload').setInputFiles({ name: 'big.bin', mimeType: 'application/octet-stream', buffer });
    await shows('#files li', '2.9 MiB');
    await page.locator('#files progress:visible').waitFor({ state: 'detached' });
    expect(await page.locator('body').getAttribute('data-removed')).toBe('0');
  });

  it('accepts files that are dropped while the connection is lost', async () => {
    await button('Cut the connection').click();
    await shows('#state', 'Reconnecting');
    await page.evaluate(() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([new Uint8Array(4_000_000)], 'dropped.bin'));
      document.dispatchEvent(new DragEvent('drop', { dataTransfer, cancelable: true }));
    });
    await shows('#files li', '3.8 MiB');
    await page.locator('#files progress:visible').waitFor({ state: 'detached' });
    expect(await counters()).toEqual({ lost: '0', doubled: '0' });
  });

  it('says why a file is refused', async () => {
    await page.getByLabel('Files to upload').setInputFiles({ name: '.hidden', mimeType: 'text/plain', buffer: Buffer.from('x') });
    await shows('#timeline', '.hidden was not uploaded: a path is a slash, and a name of up to 100 characters');
    await page.evaluate(() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([new Uint8Array(16 * 1_048_576 + 1)], 'large.bin'));
      document.dispatchEvent(new DragEvent('drop', { dataTransfer, cancelable: true }));
    });
    await shows('#timeline', 'large.bin was not uploaded: a file may have 16 MiB at most');
    expect(await fileNames()).toEqual([]);
  });

  it('shows the resources of a program, and warns', async () => {
    await run('const all = []; setInterval(() => all.push(Buffer.alloc(4e6, 1)), 100);');
    await shows('#programs', '1 program');
    await shows('#memory', /[1-9]\d+ MiB/);
    await shows('#alert', 'Memory above 96 MiB');
    expect(await page.locator('#memory-meter').getAttribute('data-over')).toBe('true');
    await shows('#alert', 'Stopped at its memory limit');
    await shows('#programs', '0 programs');
    await shows('#timeline', 'Stopped at its memory limit');
  });

  it('keeps its workspace in the address', async () => {
    await run(`import { writeFileSync } from 'node:fs'; writeFileSync('mine.txt', 'x');`);
    await shows('#files li', 'mine.txt');
    await page.reload();
    await shows('#files li', 'mine.txt');
    const other = await browser.newPage();
    await other.goto(server.url);
    await other.locator('#state').filter({ hasText: 'Connected' }).waitFor();
    expect(await other.locator('#files li').filter({ hasNotText: 'program.mjs' }).count()).toBe(0);
    await other.close();
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

  it('waits while there is no server, and continues with the next one', async () => {
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
    // The scroll bar takes a part of the width.
    expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0);
    // Also with a crowd: what a card cuts off is no button.
    const crowd = await Promise.all([1, 2, 3, 4, 5].map(async () => visit(await browser.newPage(), page.url(), complaints)));
    await shows('#people li', '+2');
    const rightOf = (selector: string): Promise<number> =>
      page.locator(selector).evaluate((element) => element.getBoundingClientRect().right);
    expect(await rightOf('#run')).toBeLessThan(await rightOf('.editor'));
    await Promise.all(crowd.map((other) => other.close()));
  });
});
