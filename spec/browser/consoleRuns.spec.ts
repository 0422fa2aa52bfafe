import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import type { Page } from 'playwright-core';
import { samples } from '../../docs/examples/console/page/samples.js';
import { startConsole, type Console } from '../../docs/examples/console/server.js';
import { describeWith } from '../support/debian.js';
import { tcpProxy } from '../support/tcpProxy.js';
import { consoleVisitors } from './consoleVisitors.js';

// A browser, two or three pages, and a program that runs for eight seconds.
jest.setTimeout(60_000);

const [COUNTING] = samples;
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

describeWith('chromium', 'a run that pages come to and leave', (executablePath) => {
  const { leave, forgiveRefused, open: openAt } = consoleVisitors(executablePath);
  let server: Console;
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rxwire-spec-'));
    server = await startConsole({ port: 0, folder });
  });
  afterEach(async () => {
    const complaints = await leave();
    await server.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    expect(complaints).toEqual([]);
  });

  const open = (): Promise<Page> => openAt(server.url);
  const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
  const shows = (page: Page, selector: string, text: string | RegExp): Promise<void> =>
    page.locator(selector).filter({ hasText: text }).first().waitFor();
  /** The numbers that the counting program has printed, as the page shows them. */
  const numbersIn = async (page: Page): Promise<number[]> =>
    ((await page.locator('#lines').textContent()) ?? '')
      .trim()
      .split('\n')
      .map((line) => parseInt(line));
  const showsNumber = (page: Page, number: number): Promise<void> => shows(page, '#lines', new RegExp(`(^|\\n) *${number} ▪`));
  const countersOf = (page: Page): Promise<string[]> => page.locator('#received, #lost, #doubled').allTextContents();
  const listed = (page: Page): Promise<string[]> => page.locator('#runs button .muted').allTextContents();
  const run = async (page: Page, code: string): Promise<void> => {
    await page.getByLabel('JavaScript to run').fill(code);
    await button(page, 'Run').click();
  };
  const isBack = (page: Page): Promise<void> => shows(page, '#state', 'Connected');

  it('is whole in all of them: reloaded twice, entered half-way, cut off', async () => {
    const ann = await open();
    await run(ann, COUNTING!.code);
    await showsNumber(ann, 10);
    await ann.reload();
    await showsNumber(ann, 20);
    await shows(ann, '#outcome', 'Running');
    await ann.reload();
    const bob = await open();
    await Promise.all([ann, bob].map((page) => showsNumber(page, 40)));
    await Promise.all([ann, bob].map((page) => button(page, 'Cut the connection').click()));
    await Promise.all([ann, bob].map((page) => shows(page, '#state', 'Reconnecting')));
    await Promise.all([ann, bob].map(isBack));
    await Promise.all([ann, bob].map((page) => shows(page, '#outcome', 'Exit code 0')));
    const carol = await open();
    await shows(carol, '#outcome', 'Exit code 0');

    for (const page of [ann, bob, carol]) {
      expect(await numbersIn(page)).toEqual(upTo(80));
      // 80 lines and the end, though some lines may have come together.
      const [received, ...faults] = await countersOf(page);
      expect(faults).toEqual(['0', '0']);
      expect(Number(received)).toBeLessThanOrEqual(81);
      expect(await listed(page)).toHaveLength(1);
    }
  });

  it('is interrupted by a restart of the server: its output is shown, with the reason of its end', async () => {
    const ann = await open();
    await run(ann, COUNTING!.code);
    await showsNumber(ann, 15);
    await server.close();
    await shows(ann, '#outcome', 'Offline, waiting to resume');
    server = await startConsole({ port: Number(new URL(server.url).port), folder });
    const words = 'interrupted: the server was restarted while the program ran';
    await shows(ann, '#outcome', words);
    const bob = await open();
    await shows(bob, '#outcome', words);
    // What the server before this one has counted is over.
    await Promise.all([ann, bob].map((page) => shows(page, '#programs', '0 programs')));

    const numbers = await numbersIn(ann);
    expect(numbers.length).toBeGreaterThanOrEqual(15);
    expect(numbers).toEqual(upTo(numbers.length));
    expect(await numbersIn(bob)).toEqual(numbers);
    expect([await listed(ann), await listed(bob)]).toEqual([['interrupted'], ['interrupted']]);
    expect([await countersOf(ann), await countersOf(bob)].map(([, ...faults]) => faults)).toEqual([
      ['0', '0'],
      ['0', '0'],
    ]);
    // Its workspace goes on.
    await run(ann, 'console.log("and on")');
    await Promise.all([ann, bob].map((page) => shows(page, '#lines', 'and on')));
    forgiveRefused();
  });

  it('is stopped from any page, and only by Stop', async () => {
    const [ann, bob] = [await open(), await open()];
    await run(ann, 'console.log("round"); for (;;);');
    await shows(bob, '#lines', 'round');
    await ann.goto('about:blank');
    await bob.locator('#people li').nth(1).waitFor({ state: 'detached' });
    await shows(bob, '#outcome', 'Running');
    await button(bob, 'Stop').click();
    await shows(bob, '#outcome', 'stopped');
    expect(await listed(bob)).toEqual(['stopped']);
  });

  it('is left by a page at once, though the messages that the page has sent have no acks', async () => {
    const proxy = await tcpProxy(0);
    await server.close();
    server = await startConsole({ port: 0, folder, hosts: [`127.0.0.1:${proxy.port}`] });
    proxy.aim(Number(new URL(server.url).port));
    const [ann, bob] = [await openAt(`http://127.0.0.1:${proxy.port}`), await open()];
    await bob.locator('#people li').nth(1).waitFor();
    proxy.weather({ down: { swallow: true } });
    await ann.getByLabel('JavaScript to run').press('x');
    await ann.goto('about:blank');
    await bob.locator('#people li').nth(1).waitFor({ state: 'detached' });
    await proxy.close();
  });

  it('can be opened again, beside later runs', async () => {
    const ann = await open();
    await shows(ann, '#outcome', 'Nothing has run yet');
    await run(ann, 'console.log("one")');
    await shows(ann, '#outcome', 'Exit code 0');
    await run(ann, 'console.error("two"); process.exitCode = 2');
    await shows(ann, '#outcome', 'Exit code 2');
    const bob = await open();
    await shows(bob, '#lines', 'two');
    for (const page of [ann, bob]) {
      expect((await listed(page))[0]).toBe('exit 2');
      await page.locator('#runs button').last().click();
      await shows(page, '#outcome', 'Exit code 0');
      expect(await page.locator('#lines').textContent()).toBe('one\n');
      expect(await page.locator('#runs [aria-current="true"]').count()).toBe(1);
      await page.locator('#runs button').first().click();
      await shows(page, '#lines .stderr', 'two');
      expect(await countersOf(page)).toEqual(['2', '0', '0']);
    }
    await run(bob, 'console.log("three")');
    await shows(ann, '#lines', 'three');
  });
});
