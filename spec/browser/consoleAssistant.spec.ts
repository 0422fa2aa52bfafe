import { jest } from '@jest/globals';
import type { Page } from 'playwright-core';
import { startConsole, type Console } from '../../docs/examples/console/server.js';
import { describeWith } from '../support/debian.js';
import { consoleVisitors } from './consoleVisitors.js';

// A browser and two or three pages, each with a wire.
jest.setTimeout(40_000);

const LAST_WORDS = 'stop me from another page.';

describeWith('chromium', 'the assistant that all pages share', (executablePath) => {
  const { leave, open: openAt } = consoleVisitors(executablePath);
  let server: Console;

  beforeAll(async () => {
    server = await startConsole({ port: 0 });
  });
  afterAll(() => server.close());
  afterEach(async () => {
    expect(await leave()).toEqual([]);
  });

  const showAssistant = (page: Page): Promise<void> => page.getByRole('button', { name: 'Assistant', exact: true }).click();
  const open = async (): Promise<Page> => {
    const page = await openAt(server.url);
    await showAssistant(page);
    return page;
  };
  const ask = async (page: Page, question: string): Promise<void> => {
    await page.getByLabel('Question').fill(question);
    await page.getByRole('button', { name: 'Ask', exact: true }).click();
  };
  const answer = (page: Page) => page.locator('#talk .answer').last();
  const says = (page: Page, text: string): Promise<void> => answer(page).filter({ hasText: text }).waitFor();
  const rows = (page: Page): Promise<readonly string[]> => page.locator('#talk li').allTextContents();

  it('answers one page for all, also over a cut and a reload, and a later page sees it', async () => {
    const [ann, bob] = [await open(), await open()];
    await ask(ann, 'What does it do?');
    await Promise.all([ann, bob].map((page) => says(page, 'Words in your question: 4.')));
    await bob.getByRole('button', { name: 'Cut the connection' }).click();
    await ann.reload();
    await showAssistant(ann);
    await Promise.all([ann, bob].map((page) => says(page, LAST_WORDS)));
    await ann.locator('#assistant-stop[aria-disabled="true"]').waitFor();
    const all = await rows(ann);
    expect(all).toEqual([
      'What does it do?',
      expect.stringMatching(/^Words in your question: 4\. Lines of the program: 9\. .* another page\.$/),
    ]);
    expect(await rows(bob)).toEqual(all);
    const carol = await open();
    await says(carol, LAST_WORDS);
    expect(await rows(carol)).toEqual(all);
  });

  it('is stopped from any page, for all', async () => {
    const [ann, bob] = [await open(), await open()];
    await ask(ann, 'And now?');
    await says(bob, 'Words in your question: 2.');
    await bob.getByRole('button', { name: 'Stop the assistant' }).click();
    await Promise.all([ann, bob].map((page) => says(page, '(stopped)')));
    expect(await answer(ann).textContent()).toBe(await answer(bob).textContent());
    expect(await answer(ann).textContent()).not.toContain(LAST_WORDS);
  });
});
