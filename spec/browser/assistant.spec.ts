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
import { tcpProxy, type TcpProxy } from '../support/tcpProxy.js';
import { launch } from './launch.js';

// A browser, and a server that bundles its page.
jest.setTimeout(60_000);

/** The server of docs/examples/assistant, in a process of its own. */
interface AssistantServer {
  readonly process: ChildProcess;
  /** The lines that it has printed since it listens. */
  readonly lines: readonly string[];
}

async function startServer(port: number, folder: string | undefined): Promise<AssistantServer> {
  const env = { ...process.env, PORT: String(port), ...(folder !== undefined && { FOLDER: folder }) };
  const child = spawn(process.execPath, ['--import', 'tsx', 'spec/browser/assistantServer.ts'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  await once(child.stdout, 'data');
  child.stdout.on('data', (data: Buffer) => lines.push(...data.toString().trim().split('\n')));
  return { process: child, lines };
}

async function kill({ process: child }: AssistantServer): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** The whole answer of the model. */
const countTo = (words: number): string => Array.from({ length: words }, (_, index) => `${index + 1} `).join('');

/** Keeps each text that the page has shown as its latest answer. */
function recordAnswers(): void {
  const texts: string[] = [];
  Object.assign(window, { texts });
  new MutationObserver(() => {
    const text = [...document.querySelectorAll('.assistant')].at(-1)?.textContent;
    if (text !== undefined) texts.push(text);
  }).observe(document, { childList: true, subtree: true, characterData: true });
}

describeWith('chromium', 'a chat of the AI SDK in pages', (executablePath) => {
  let browser: Browser;
  let server: AssistantServer;
  let proxy: TcpProxy;
  let context: BrowserContext;
  let port: number;
  const complaints: string[] = [];

  beforeAll(async () => {
    port = await freePort();
    [browser, server, proxy] = await Promise.all([launch(executablePath), startServer(port, undefined), tcpProxy(port)]);
  });
  afterAll(async () => {
    await Promise.all([browser.close(), kill(server), proxy.close()]);
  });
  beforeEach(async () => {
    (server.lines as string[]).length = 0;
    context = await browser.newContext();
    await context.addInitScript(recordAnswers);
  });
  afterEach(async () => {
    await context.close();
    // Chromium reports each connection that is lost or refused.
    expect(complaints.splice(0).filter((text) => !/WebSocket connection|ERR_CONNECTION|ERR_EMPTY/.test(text))).toEqual([]);
  });

  const open = async (id: string): Promise<Page> => {
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    page.on('pageerror', ({ message }) => complaints.push(message));
    page.on('console', (entry) => entry.type() === 'error' && complaints.push(entry.text()));
    await page.goto(`http://127.0.0.1:${proxy.port}/#${id}`);
    return page;
  };
  const click = (page: Page, name: string): Promise<void> => page.getByRole('button', { name, exact: true }).click();
  const ask = async (page: Page, words: number): Promise<void> => {
    await page.getByLabel('Message').fill(`Count to ${words}`);
    await click(page, 'Send');
  };
  const answer = (page: Page): Promise<string> =>
    page
      .locator('.assistant')
      .last()
      .textContent()
      .then((text) => text ?? '');
  const hasWords = (page: Page, words: number): Promise<unknown> =>
    page.waitForFunction(
      (least) => ([...document.querySelectorAll('.assistant')].at(-1)?.textContent ?? '').split(' ').length > least,
      words,
    );
  const is = (page: Page, status: string): Promise<void> => page.getByText(`connected, ${status}`, { exact: true }).waitFor();
  /** Checks that the page has shown the start of an answer at each time, and has taken nothing back. */
  const onlyGrew = async (page: Page, words: number): Promise<void> => {
    const texts = await page.evaluate(() => (window as unknown as { readonly texts: readonly string[] }).texts);
    const whole = countTo(words);
    expect(texts.filter((text, index) => !whole.startsWith(text) || text.length < (texts[index - 1] ?? '').length)).toEqual([]);
  };
  const asked = (words: number): string => `the model is asked: Count to ${words}`;

  it('goes on after a reload at each tenth of an answer, and asks the model once', async () => {
    const page = await open('reload');
    await ask(page, 200);
    for (let tenth = 0; tenth < 10; tenth++) {
      if (tenth > 0) await hasWords(page, 20 * tenth);
      await onlyGrew(page, 200);
      await page.reload();
    }
    await hasWords(page, 200);
    await is(page, 'ready');
    await onlyGrew(page, 200);
    expect([await answer(page), await page.locator('li').count(), server.lines]).toEqual([countTo(200), 2, [asked(200)]]);
    await page.reload();
    await is(page, 'ready');
    expect([await answer(page), await page.locator('li').count(), server.lines]).toEqual([countTo(200), 2, [asked(200)]]);
  });

  it('is there, once, when it has ended while the page was away', async () => {
    const page = await open('away');
    await ask(page, 20);
    await hasWords(page, 1);
    await page.goto('about:blank');
    await pause(1_500);
    await page.goto(`http://127.0.0.1:${proxy.port}/#away`);
    for (let reloads = 0; reloads < 2; reloads++) {
      if (reloads > 0) await page.reload();
      await hasWords(page, 20);
      await is(page, 'ready');
      expect([await answer(page), await page.locator('li').count(), server.lines]).toEqual([countTo(20), 2, [asked(20)]]);
    }
  });

  it('goes on over connections that are cut', async () => {
    const page = await open('cut');
    await ask(page, 150);
    for (let cuts = 1; cuts <= 5; cuts++) {
      await hasWords(page, 10 * cuts);
      // The page may be between two connections.
      while (proxy.cut() === 0) await pause(5);
    }
    await hasWords(page, 150);
    await is(page, 'ready');
    await onlyGrew(page, 150);
    expect([await answer(page), server.lines]).toEqual([countTo(150), [asked(150)]]);
  });

  it('goes on when the only page is closed, for the next one', async () => {
    const first = await open('closed');
    await ask(first, 60);
    await hasWords(first, 5);
    await first.close();
    const second = await open('closed');
    await hasWords(second, 60);
    await is(second, 'ready');
    expect([await answer(second), server.lines]).toEqual([countTo(60), [asked(60)]]);
  });

  it('is stopped from a second tab, for both', async () => {
    const first = await open('stop');
    await ask(first, 1_000);
    await hasWords(first, 5);
    const second = await open('stop');
    await hasWords(second, 10);
    await click(second, 'Stop');
    await Promise.all([is(first, 'ready'), is(second, 'ready')]);
    await pause(100);
    const [all, part] = [await answer(first), await answer(second)];
    expect([countTo(1_000).startsWith(all), all.startsWith(part)]).toEqual([true, true]);
    expect(server.lines).toEqual([asked(1_000), 'the model is stopped']);
    await pause(100);
    expect(await answer(first)).toBe(all);
  });

  it('answers two tabs that send at once, each its own question', async () => {
    const [first, second] = [await open('both'), await open('both')];
    await Promise.all([ask(first, 50), ask(second, 51)]);
    await Promise.all([hasWords(first, 50), hasWords(second, 51)]);
    await Promise.all([is(first, 'ready'), is(second, 'ready')]);
    await Promise.all([onlyGrew(first, 50), onlyGrew(second, 51)]);
    expect([await answer(first), await answer(second)]).toEqual([countTo(50), countTo(51)]);
    expect([...server.lines].sort()).toEqual([asked(50), asked(51)]);
  });

  it('is given again, also over a reload', async () => {
    const page = await open('again');
    await ask(page, 80);
    await hasWords(page, 80);
    await is(page, 'ready');
    await click(page, 'Again');
    await is(page, 'streaming');
    await page.reload();
    await hasWords(page, 80);
    await is(page, 'ready');
    expect([await answer(page), await page.locator('li').count(), server.lines]).toEqual([countTo(80), 2, [asked(80), asked(80)]]);
  });

  it.each(['memory', 'a folder'])('ends with an error behind what was said when the server is killed, with the log in %s', async (kept) => {
    const folder = kept === 'memory' ? undefined : mkdtempSync(join(tmpdir(), 'rxwire-assistant-'));
    if (folder !== undefined) {
      await kill(server);
      server = await startServer(port, folder);
    }
    const [page, reading] = [await open('killed'), await open('killed')];
    await ask(page, 1_000);
    await hasWords(page, 10);
    await reading.reload();
    await hasWords(reading, 10);
    await kill(server);
    const killed = server;
    server = await startServer(port, folder);
    const reason = folder === undefined ? 'a part of the answer is lost' : 'the server was restarted';
    for (const one of [page, reading]) {
      await one.getByRole('alert').filter({ hasText: reason }).waitFor();
      await is(one, 'error');
      await onlyGrew(one, 1_000);
      expect((await answer(one)).split(' ').length).toBeGreaterThan(10);
    }
    // Both have all that the server had written.
    if (folder !== undefined) expect(await answer(page)).toBe(await answer(reading));
    await ask(page, 12);
    await page.locator('.assistant').nth(1).waitFor();
    await eventually(() => expect(server.lines).toEqual([asked(12)]));
    await is(page, 'ready');
    expect([await answer(page), killed.lines]).toEqual([countTo(12), [asked(1_000)]]);
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });
});
