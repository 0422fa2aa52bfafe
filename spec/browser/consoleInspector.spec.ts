import { jest } from '@jest/globals';
import { interval, lastValueFrom, take, tap } from 'rxjs';
import type { Page } from 'playwright-core';
import { channelOf } from '../../docs/examples/console/messages.js';
import { MAX_ROWS } from '../../docs/examples/console/page/frameLog.js';
import { startConsole, type Console } from '../../docs/examples/console/server.js';
import { channel, connect, createMessage, msgpack, webSocket } from '../../lib/index.js';
import { describeWith } from '../support/debian.js';
import { consoleVisitors } from './consoleVisitors.js';

// A browser, and thousands of frames.
jest.setTimeout(60_000);

describeWith('chromium', 'the inspector of the console', (executablePath) => {
  const { leave, open: openAt } = consoleVisitors(executablePath);
  let server: Console;
  let page: Page;

  beforeEach(async () => {
    server = await startConsole({ port: 0 });
    page = await openAt(server.url);
    await button('Inspector').click();
  });
  afterEach(async () => {
    const complaints = await leave();
    await server.close();
    expect(complaints).toEqual([]);
  });

  const button = (name: string) => page.getByRole('button', { name, exact: true });
  const rows = (selector = 'details'): Promise<string[]> =>
    page.locator(`#frames ${selector}`).evaluateAll((all) => all.map((row) => row.textContent));
  const shows = (selector: string, text: string | RegExp): Promise<void> =>
    page.locator(selector).filter({ hasText: text }).first().waitFor();
  const run = async (code: string): Promise<void> => {
    await page.getByLabel('JavaScript to run').fill(code);
    await button('Run').click();
    await shows('#outcome', 'Exit code 0');
  };
  const choose = (label: string, value: string): Promise<string[]> => page.getByLabel(label, { exact: true }).selectOption(value);

  it('shows the frames of both directions with their numbers, acks and credit, from the first on', async () => {
    expect((await rows('li'))[0]).toContain('Connection 1 is open: WebSocket');
    const [hello, welcome] = await rows();
    expect(hello).toMatch(/↑senthelloa new session, please/);
    expect(welcome).toMatch(/↓receivedwelcomea new session/);
    await shows('#frames', /msg\d+(–\d+)?channel\.join/);
    await shows('#frames', /ack \d+, credit 1024/);
  });

  it('opens a row to show the decoded messages', async () => {
    await run('console.log("find me")');
    await choose('Direction', 'received');
    await page.getByLabel('Text in the frame').fill('find me');
    const row = page.locator('#frames details').last();
    await row.locator('summary').click();
    const text = await row.locator('pre').textContent();
    expect(text).toContain('"execution.output"');
    expect(text).toContain('find me\\n');
    await row.locator('summary').press('Enter');
    await row.locator('pre').waitFor({ state: 'hidden' });
  });

  it('filters by kind, direction, type and text', async () => {
    await run('console.log(1)');
    await choose('Direction', 'sent');
    expect((await rows()).every((row) => row.includes('sent') && !row.includes('received'))).toBe(true);
    await choose('Direction', '');
    await choose('Kind of frame', 'welcome');
    expect(await rows()).toHaveLength(1);
    await choose('Kind of frame', '');
    await choose('Type of message', 'execution.start');
    expect(await rows()).toHaveLength(1);
    await choose('Type of message', 'execution.output');
    expect((await rows()).every((row) => row.includes('channel.message › execution.output'))).toBe(true);
    await choose('Type of message', 'execution.start');
    await shows('#frames-count', /^\d+ of \d+ rows/);
    await page.getByLabel('Text in the frame').fill('no such text');
    expect(await rows()).toHaveLength(0);
    await shows('#frames-empty', 'No frame matches the filter.');
  });

  it('marks resent messages, and separates connections', async () => {
    await button('Black hole').click();
    // The page sends a ping each second: this one is lost.
    await page.waitForFunction(() => document.querySelector('#window-text')?.textContent.startsWith('0 ') === false);
    await shows('#state', 'Reconnecting');
    await button('Black hole').click();
    await shows('#state', 'Connected');
    await shows('#frames .break', 'Connection 1 is lost (4411): nothing arrived for two ping intervals');
    await shows('#frames .break', 'Connection 2 is open: WebSocket');
    await choose('Kind of frame', 'resent');
    await shows('#frames details', /msg\d+(–\d+)?resent system\.ping/);
    expect((await rows()).every((row) => row.includes('resent'))).toBe(true);
  });

  it('shows the outbox and the window filling, and emptying again', async () => {
    await shows('#outbox-text', /^0 of 10,000 waiting$/);
    await shows('#window-text', /^\d+ of 1,024 in flight$/);
    await page.getByLabel('Seconds to be offline').selectOption('30');
    await button('Go offline').click();
    await page.getByLabel('JavaScript to run').fill('// written offline');
    await button('Run').click();
    await shows('#outbox-text', /^[1-9]\d* of 10,000 waiting$/);
    await button('Go offline').click();
    await shows('#outbox-text', /^0 of 10,000 waiting$/);
    await shows('#window-text', /^0 of 1,024 in flight$/);
  });

  it('pauses, clears and closes', async () => {
    await button('Pause').click();
    const before = await rows();
    await shows('#frames-count', 'more since the pause');
    expect(await rows()).toEqual(before);
    await button('Pause').click();
    await page.waitForFunction((count) => document.querySelectorAll('#frames details').length > count, before.length);
    await button('Clear').click();
    expect((await rows()).length).toBeLessThan(before.length);
    await button('Close the inspector').click();
    expect(await page.locator('#inspector').isHidden()).toBe(true);
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('inspector-toggle');
    expect(await button('Inspector').getAttribute('aria-expanded')).toBe('false');
  });

  it(`keeps the latest ${MAX_ROWS} of thousands of frames, drawn at most ten times a second, and no more of the others`, async () => {
    const wire = connect({ link: webSocket(`${server.url.replace('http', 'ws')}/wire`), codec: msgpack() });
    const flood = channel(wire, channelOf('shared'));
    const place = new Uint8Array(8);
    const devTools = await page.context().newCDPSession(page);
    await devTools.send('Performance.enable');
    /** The nodes of the document, and those that something keeps. */
    const nodes = async (): Promise<number> => {
      await devTools.send('HeapProfiler.collectGarbage');
      const { metrics } = await devTools.send('Performance.getMetrics');
      return metrics.find(({ name }) => name === 'Nodes')!.value;
    };
    /** Sends messages one by one, until the page has dropped that many rows. */
    const floodUntil = async (dropped: number): Promise<void> => {
      const droppedNow = async (): Promise<number> =>
        Number(/([\d,]+) older/.exec((await page.locator('#frames-count').textContent()) ?? '')?.[1]?.replace(',', '') ?? 0);
      while ((await droppedNow()) < dropped)
        await lastValueFrom(
          interval(1).pipe(
            take(200),
            tap(() => flood.next(createMessage('document.caret', { anchor: place, head: place }))),
          ),
        );
    };
    await page.evaluate(() => {
      const drawn: number[] = [];
      Object.assign(window, { drawn });
      new MutationObserver(() => drawn.push(performance.now())).observe(document.querySelector('#frames')!, { childList: true });
    });
    await floodUntil(500);
    const before = await nodes();
    await floodUntil(2_500);
    expect(await nodes()).toBeLessThan(before * 1.1);
    expect(await page.locator('#frames li').count()).toBeLessThanOrEqual(MAX_ROWS);
    const drawn = await page.evaluate(() => (window as unknown as { readonly drawn: readonly number[] }).drawn);
    expect(drawn.length).toBeGreaterThan(5);
    const [first = 0, last = 0] = [drawn[0], drawn.at(-1)];
    expect(drawn.length).toBeLessThanOrEqual((last - first) / 100 + 1);
    wire.unsubscribe();
  });
});
