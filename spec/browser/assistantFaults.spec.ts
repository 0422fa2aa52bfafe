import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { jest } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { describeWith } from '../support/debian.js';
import { eventually } from '../support/eventually.js';
import { freePort } from '../support/freePort.js';
import { launch } from './launch.js';

// A browser, and a server that bundles its page.
jest.setTimeout(90_000);

/** A folder for a screenshot of each test. */
const shots = process.env['SHOTS'];

describeWith('chromium', 'a chat of the AI SDK in a page, with an answer that is hard to send', (executablePath) => {
  let browser: Browser;
  let server: ChildProcess;
  let port: number;
  let context: BrowserContext;
  const folder = mkdtempSync(join(tmpdir(), 'rxwire-faults-'));
  const lines: string[] = [];
  const complaints: string[] = [];

  beforeAll(async () => {
    port = await freePort();
    server = spawn(process.execPath, ['--import', 'tsx', 'spec/browser/assistantFaultsServer.ts'], {
      env: { ...process.env, PORT: String(port), FOLDER: folder },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    [browser] = await Promise.all([launch(executablePath), once(server.stdout!, 'data')]);
    server.stdout!.on('data', (data: Buffer) => lines.push(...data.toString().trim().split('\n')));
  });
  afterAll(async () => {
    const exit = once(server, 'exit');
    server.kill('SIGKILL');
    await Promise.all([browser.close(), exit]);
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    lines.length = 0;
    context = await browser.newContext({ viewport: { width: 700, height: 600 } });
  });
  afterEach(async () => {
    await context.close();
    expect(complaints.splice(0)).toEqual([]);
  });

  const open = async (id: string): Promise<Page> => {
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    page.on('pageerror', ({ message }) => complaints.push(message));
    page.on('console', (entry) => entry.type() === 'error' && complaints.push(entry.text()));
    await page.goto(`http://127.0.0.1:${port}/#${id}`);
    return page;
  };
  const ask = async (page: Page, question: string): Promise<void> => {
    await page.getByLabel('Message').fill(question);
    await page.getByRole('button', { name: 'Send', exact: true }).click();
  };
  const is = (page: Page, status: string): Promise<void> => page.getByText(`connected, ${status}`, { exact: true }).waitFor();
  const answer = async (page: Page): Promise<string> => (await page.locator('.assistant').last().textContent()) ?? '';
  const shoot = async (page: Page, name: string): Promise<void> => {
    if (shots !== undefined) await page.screenshot({ path: join(shots, `${name}.png`) });
  };
  const widths = (page: Page): Promise<number[]> =>
    page.locator('img').evaluateAll(async (images) => {
      await Promise.all(images.map((image) => (image as HTMLImageElement).decode()));
      return images.map((image) => (image as HTMLImageElement).naturalWidth);
    });

  it('shows an image of 2 MB, also after a reload, and the next answer', async () => {
    const page = await open('image');
    await ask(page, 'Draw noise');
    await page.locator('img').waitFor();
    await is(page, 'ready');
    expect([await answer(page), await widths(page)]).toEqual(['You asked: Draw noise. Here it is.', [840]]);
    await shoot(page, 'image');
    await page.reload();
    await is(page, 'ready');
    expect(await widths(page)).toEqual([840]);
    await ask(page, 'Say more');
    await page.getByText('You asked: Say more. Here it is.').waitFor();
    await is(page, 'ready');
    // The browser has no room for a second image, and keeps the text.
    await ask(page, 'Draw again');
    await page.locator('img').nth(1).waitFor();
    await is(page, 'ready');
    await shoot(page, 'image-again');
    await page.reload();
    await is(page, 'ready');
    expect([await page.locator('li').count(), lines]).toEqual([6, []]);
  });

  it('shows an error that names the value for a BigInt, at once, and answers the next question', async () => {
    const page = await open('bigint');
    const begin = performance.now();
    await ask(page, 'Add numbers');
    await page.getByRole('alert').waitFor();
    await is(page, 'error');
    expect(performance.now() - begin).toBeLessThan(5_000);
    const reason = 'the chunk "tool-output-available" of the answer cannot be sent: .output.total: bigint';
    expect([await page.getByRole('alert').textContent(), await answer(page)]).toEqual([
      `The answer has failed: ${reason}.`,
      'You asked: Add numbers. Here it is.',
    ]);
    await shoot(page, 'bigint');
    const told = (): string[] => lines.filter((line) => line.startsWith('error: '));
    await eventually(() => expect(told()).toEqual([expect.stringContaining(`error: invalid message: ${reason}`) as string]));
    await ask(page, 'Say more');
    await page.getByText('You asked: Say more. Here it is.').waitFor();
    await is(page, 'ready');
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it.each([
    ['forward', 3_600_000],
    ['back', -3_600_000],
  ])('goes on when the clock of the server steps by an hour %s, for a page that comes then', async (direction, step) => {
    const first = await open(`clock-${direction}`);
    await ask(first, 'Think');
    await first.getByText('You asked: Think.').waitFor();
    server.stdin!.write(`step ${step}\n`);
    await pause(200);
    const second = await open(`clock-${direction}`);
    await second.getByText('You asked: Think.').waitFor();
    await Promise.all([is(first, 'streaming'), is(second, 'streaming')]);
    await shoot(second, `clock-${direction}`);
    server.stdin!.write('say\n');
    await Promise.all([is(first, 'ready'), is(second, 'ready')]);
    expect([await answer(first), await answer(second)]).toEqual(['You asked: Think. Here it is.', 'You asked: Think. Here it is.']);
    await shoot(second, `clock-${direction}-end`);
    server.stdin!.write('step 0\n');
    expect(lines).toEqual([]);
  });
});
