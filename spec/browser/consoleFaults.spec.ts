import { jest } from '@jest/globals';
import type { Page } from 'playwright-core';
import { samples } from '../../docs/examples/console/page/samples.js';
import { startConsole, type Console } from '../../docs/examples/console/server.js';
import { describeWith } from '../support/debian.js';
import { consoleVisitors } from './consoleVisitors.js';

// A browser, a program that runs for eight seconds, and faults that take seconds to be noticed.
jest.setTimeout(60_000);

const [COUNTING] = samples;
const NOTHING_LOST = ['0', '0'];

describeWith('chromium', 'the fault panel of the console', (executablePath) => {
  const { leave, forgiveRefused, open: openAt } = consoleVisitors(executablePath);
  let server: Console;
  let page: Page;

  beforeEach(async () => {
    // A machine that is busy with other things may take its time.
    server = await startConsole({ port: 0, timeLimit: 30_000 });
    page = await openAt(server.url);
  });
  afterEach(async () => {
    const complaints = await leave();
    await server.close();
    expect(complaints).toEqual([]);
  });

  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const shows = (selector: string, text: string | RegExp): Promise<void> =>
    page.locator(selector).filter({ hasText: text }).first().waitFor();
  const showsNumber = (number: number): Promise<void> => shows('#lines', new RegExp(`(^|\\n) *${number} ▪`));
  const numberOf = async (id: string): Promise<number> => Number(await page.locator(`#${id}`).textContent());
  const entries = (): Promise<string[]> => page.locator('#timeline li span').allTextContents();
  const run = (): Promise<void> => button('Run').click();

  /** Waits until the program has ended: all of its lines are there, once and in order, and the page says so. */
  const isWhole = async (): Promise<void> => {
    await shows('#outcome', 'Exit code 0');
    const lines = ((await page.locator('#lines').textContent()) ?? '').trim().split('\n');
    expect(lines.map((line) => parseInt(line))).toEqual(Array.from({ length: 80 }, (_, index) => index + 1));
    expect(await page.locator('#lost, #doubled').allTextContents()).toEqual(NOTHING_LOST);
  };

  it('starts with a program that counts, and nothing broken', async () => {
    expect(await page.getByLabel('JavaScript to run').inputValue()).toBe(COUNTING!.code);
    expect(await page.locator('#now-text').textContent()).toBe('Nothing is broken. Run a program, then break something while it prints.');
    expect(await page.locator('.steps li').allTextContents()).toHaveLength(3);
    expect(await page.locator('[data-done="true"]').count()).toBe(0);
  });

  it('cuts the connection: the output continues where it stopped', async () => {
    await run();
    await showsNumber(10);
    await button('Cut the connection').click();
    await shows('#now-text', 'The connection is cut. The page reconnects. The server keeps what the program prints.');
    await shows('#now-text', /^Back after 1\.\d s\. [1-9]\d* messages of this run resent, 0 lost, 0 doubled\.$/);
    await isWhole();
    expect(await numberOf('resent')).toBeGreaterThan(3);
    expect(await page.locator('[data-done="true"]').count()).toBe(3);
    expect((await entries()).some((text) => /^\d+ messages of all kinds resent$/.test(text))).toBe(true);
  });

  it('loses all in a black hole: both ends find out, and nothing is lost', async () => {
    await run();
    await showsNumber(5);
    const hole = button('Black hole');
    await hole.click();
    expect(await hole.getAttribute('aria-pressed')).toBe('true');
    await shows('#now-text', 'neither side has noticed yet');
    await shows('#state', 'Connected');
    await shows('#now-text', 'The page has noticed the silence');
    await shows('#state', 'Reconnecting');
    await hole.click();
    expect(await hole.getAttribute('aria-pressed')).toBe('false');
    await shows('#now-text', /^Back after .* 0 lost, 0 doubled/);
    await isWhole();
    expect(await numberOf('resent')).toBeGreaterThan(20);
  });

  it('goes offline for some seconds, or until the user ends it', async () => {
    await page.getByLabel('Seconds to be offline').selectOption('2');
    await run();
    await showsNumber(5);
    await button('Go offline').click();
    await shows('#fault-left', 's left');
    await shows('#now-text', 'No connection can be opened.');
    await shows('#state', 'Reconnecting');
    await shows('#now-text', /^Back after [2-5]/);
    expect(await page.locator('#fault-left').textContent()).toBe('');

    await page.getByLabel('Seconds to be offline').selectOption('30');
    await button('Go offline').click();
    await shows('#state', 'Reconnecting');
    await button('Go offline').click();
    await shows('#now-text', /^Back after [1-4]/);
    await isWhole();
    expect((await entries()).filter((text) => text === 'The network is back')).toHaveLength(2);
  });

  it('delays all frames, by a lag and a jitter', async () => {
    await page.getByLabel('Lag').selectOption('500');
    await page.getByLabel('Jitter').selectOption('200');
    await shows('#now-text', 'Slow: each frame takes 500 to 700 ms longer, in each direction. The order stays.');
    await run();
    await isWhole();
    await shows('#latency', /^1\.\d s$/);
    await page.getByLabel('Lag').selectOption('0');
    await page.getByLabel('Jitter').selectOption('0');
    await shows('#now-text', 'Nothing is broken');
    await shows('#latency', /^(< 1|\d{1,2}) ms$/);
  });

  it('changes the transport in mid-stream, and back', async () => {
    await run();
    for (const [name, number] of [
      ['SSE', 10],
      ['Polling', 25],
      ['WebSocket', 45],
    ] as const) {
      await showsNumber(number);
      await page.getByRole('radio', { name }).check();
      await shows('#state', 'Reconnecting');
      await shows('#state-detail', `${name} · msgpack`);
      await shows('#now-text', /^Back after/);
    }
    await isWhole();
    // The last request of a former transport may arrive after the server has closed its connection.
    forgiveRefused('404');
  });

  it('cuts a connection over SSE', async () => {
    await page.getByRole('radio', { name: 'SSE' }).check();
    await shows('#state-detail', 'SSE · msgpack');
    await run();
    await showsNumber(5);
    await button('Cut the connection').click();
    await shows('#state', 'Reconnecting');
    await shows('#now-text', /^Back after/);
    await isWhole();
    // Chromium reports each request that fails.
    forgiveRefused('ERR_CONNECTION_RESET', 'ERR_INCOMPLETE_CHUNKED_ENCODING');
  });

  it('kills the session: a new one continues the run', async () => {
    await run();
    await showsNumber(5);
    await button('Kill the session').click();
    await shows('#now-text', 'The server has forgotten this page');
    await shows('#now-text', /^Back after/);
    await isWhole();
    expect((await entries()).some((text) => text.startsWith('The server has forgotten this page.'))).toBe(true);
    expect(await entries()).toContain('Connected again, in a new session');
  });

  it('kills the process of the program: its output and its end are shown', async () => {
    expect(await button('Kill the program').getAttribute('aria-disabled')).toBe('true');
    await run();
    await showsNumber(8);
    await button('Kill the program').click();
    await shows('#outcome', 'Killed: the process of the program has died');
    await shows('#now-text', 'The process has died.');
    await shows('#runs', 'killed');
    await shows('#programs', '0 programs');
    expect(await page.locator('#lost, #doubled').allTextContents()).toEqual(NOTHING_LOST);
  });

  it('shows what is kept while nothing runs, and while there is no server', async () => {
    await button('Cut the connection').click();
    await shows('#now-text', 'What you write is kept, and sent later.');
    await shows('#now-text', /^Back after/);
    const port = Number(new URL(server.url).port);
    await server.close();
    await shows('#now-text', 'There is no connection. The page tries again.');
    server = await startConsole({ port });
    await shows('#now-text', /^Back after/);
    forgiveRefused();
  });

  it('is used by keyboard', async () => {
    await run();
    await showsNumber(3);
    await button('Black hole').focus();
    await page.keyboard.press('Space');
    expect(await button('Black hole').getAttribute('aria-pressed')).toBe('true');
    await page.keyboard.press('Space');
    await page.getByRole('radio', { name: 'WebSocket' }).focus();
    await page.keyboard.press('ArrowRight');
    await shows('#state-detail', 'SSE · msgpack');
    await isWhole();
  });

  it('is seen together with the output on a phone', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await run();
    await showsNumber(3);
    const boxes = await page
      .locator('#terminal, #faults')
      .evaluateAll((cards) => cards.map((card) => [card.getBoundingClientRect().top, card.getBoundingClientRect().bottom]));
    expect(Math.min(...boxes.flat())).toBeGreaterThanOrEqual(0);
    expect(Math.max(...boxes.flat())).toBeLessThanOrEqual(844);
    await button('Cut the connection').click();
    await isWhole();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  });
});
