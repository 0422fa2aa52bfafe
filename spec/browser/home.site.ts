import { gzipSync } from 'node:zlib';
import { jest } from '@jest/globals';
import type { Page, Response } from 'playwright-core';
import { describeWith } from '../support/debian.js';
import { openDocsSite, problems, type DocsSite } from './docsSite.js';

// npm run docs:check builds the site and runs this test.
jest.setTimeout(120_000);

/** What the page may transfer when it is served with gzip, in bytes; and its demonstration: a client, a server, and what both need of RxJS. */
const TRANSFER = 200_000;
const DEMONSTRATION = 56_000;
/** The work until the buttons can be used, in ms, on a processor that is slower. The time is only printed: other programs take theirs. */
const INTERACTIVE = 1_000;
const SLOWER = 4;

interface Counts {
  readonly lost: number;
  readonly doubled: number;
  readonly disordered: number;
}

describeWith('chromium', 'the front page of the documentation site', (executablePath) => {
  let site: DocsSite;

  beforeAll(async () => {
    site = await openDocsSite(executablePath);
  });
  afterAll(() => site.close());
  beforeEach(() => void site.complaints.splice(0));
  afterEach(() => expect(site.complaints).toEqual([]));

  /** Opens the front page, and starts its stream. */
  async function start(width = 1_280, colorScheme: 'dark' | 'light' = 'light'): Promise<Page> {
    const page = await site.open('/', { width, colorScheme });
    await button(page, 'Start').click();
    await received(page);
    return page;
  }

  it('loses messages of the bare connection by a cut, and none of rxwire', async () => {
    const page = await start();
    await breakIt(page, 'Cut');
    const [rxwire, atMostOnce, bare] = await countsOf(page);
    expect(rxwire).toEqual({ lost: 0, doubled: 0, disordered: 0 });
    expect(atMostOnce!.lost).toBeGreaterThan(0);
    expect(bare!.lost).toBeGreaterThan(atMostOnce!.lost);
    await page.context().close();
  });

  it.each(['Black hole', 'Kill the server'])('loses and doubles none of rxwire: %s, with lag', async (fault) => {
    const page = await start();
    await breakIt(page, fault);
    await button(page, 'Lag').click();
    await breakIt(page, fault);
    const [rxwire, , bare] = await countsOf(page);
    expect(rxwire).toEqual({ lost: 0, doubled: 0, disordered: 0 });
    expect(bare!.lost).toBeGreaterThan(10);
    await page.context().close();
  });

  it('cuts the connection by itself, once, unless the reader wants no motion', async () => {
    const page = await site.open('/', { hasMotion: true });
    await status(page, 'The connection is cut.');
    await status(page, /^The connection is back\. Lost: rxwire 0, /);
    await page.context().close();

    const still = await site.open('/');
    await button(still, 'Start').waitFor();
    await still.waitForTimeout(1_000);
    expect(await still.locator('.live-dot.received').count()).toBe(1); // that of the legend
    await still.context().close();
  });

  it('obeys the keyboard, and works without a network once it is loaded', async () => {
    const page = await start();
    await page.context().setOffline(true);
    await button(page, 'Cut').focus();
    await page.keyboard.press('Space');
    expect(await button(page, 'Cut').getAttribute('aria-pressed')).toBe('true');
    await page.keyboard.press('Enter');
    expect(await button(page, 'Cut').getAttribute('aria-pressed')).toBe('false');
    await status(page, /Lost: rxwire 0, /);
    await page.context().close();
  });

  it.each([
    ['light', 1_280],
    ['dark', 390],
  ] as const)('has nothing that axe finds serious while it runs, and fits: %s, %i pixels', async (colorScheme, width) => {
    const page = await start(width, colorScheme);
    await button(page, 'Cut').click();
    await page.locator('.live-dot.lost').nth(3).waitFor();
    expect(await problems(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    await page.context().close();
  });

  it('is small', async () => {
    const responses: Response[] = [];
    const page = await site.open('/', { hasMotion: true, onResponse: (response) => responses.push(response) });
    await received(page);
    await page.waitForLoadState('networkidle');
    const sizes = await Promise.all(responses.map(async (response) => [response.url(), gzipSync(await response.body()).length] as const));
    const total = sizes.reduce((sum, [, size]) => sum + size, 0);
    const demonstration = sizes.filter(([url]) => /\/demo\.[\w-]+\.js$/.test(url)).reduce((sum, [, size]) => sum + size, 0);
    process.stdout.write(`front page: ${kB(total)} of ${kB(TRANSFER)}; its demonstration: ${kB(demonstration)} of ${kB(DEMONSTRATION)}\n`);
    expect(total).toBeLessThan(TRANSFER);
    expect(demonstration).toBeGreaterThan(0);
    expect(demonstration).toBeLessThan(DEMONSTRATION);
    await page.context().close();
  });

  it('works soon', async () => {
    const work = SLOWER * (await untilInteractive(1)).work;
    const { time } = await untilInteractive(SLOWER);
    process.stdout.write(`front page: ${Math.round(work)} of ${INTERACTIVE} ms of work until its buttons work, on a slow processor; `);
    process.stdout.write(`${Math.round(time)} ms passed on this machine\n`);
    expect(work).toBeLessThan(INTERACTIVE);
  });

  /** Opens the page on a slower processor. Returns the time until its buttons work, and that of the work of its thread, in ms. */
  async function untilInteractive(rate: number): Promise<{ readonly time: number; readonly work: number }> {
    const page = await site.blank({ hasMotion: true });
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Emulation.setCPUThrottlingRate', { rate });
    await devtools.send('Performance.enable', { timeDomain: 'threadTicks' });
    const start = performance.now();
    await page.goto(`${site.origin}/`, { waitUntil: 'commit' });
    await page.locator('.live-buttons button:enabled').first().waitFor();
    const time = performance.now() - start;
    const { metrics } = await devtools.send('Performance.getMetrics');
    await page.context().close();
    return { time, work: 1_000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? Infinity) };
  }
});

const button = (page: Page, name: string) => page.locator('.live-buttons').getByRole('button', { name, exact: true });
const kB = (bytes: number): string => `${(bytes / 1_000).toFixed(1)} kB`;

/** Waits until a message has arrived. */
async function received(page: Page): Promise<void> {
  await page.locator('.live-lane .live-dot.received').first().waitFor();
}

async function status(page: Page, text: RegExp | string): Promise<void> {
  await page.locator('.live-status', { hasText: text }).waitFor();
}

/** Presses the button of a fault, and waits until the fault has ended and its losses are counted. */
async function breakIt(page: Page, fault: string): Promise<void> {
  await button(page, fault).click();
  await page.locator('.live-buttons [aria-pressed=true]', { hasText: fault }).waitFor();
  await page.locator('.live-buttons [aria-pressed=false]', { hasText: fault }).waitFor();
  await status(page, 'Lost: ');
}

function countsOf(page: Page): Promise<readonly Counts[]> {
  return page.locator('.live-counts').evaluateAll((lists) =>
    lists.map((list) => {
      const [lost = NaN, doubled = NaN, disordered = NaN] = [...list.querySelectorAll('dd')].map(({ textContent }) => Number(textContent));
      return { lost, doubled, disordered };
    }),
  );
}
