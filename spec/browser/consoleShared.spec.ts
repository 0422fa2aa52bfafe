import { jest } from '@jest/globals';
import type { Page } from 'playwright-core';
import { samples } from '../../docs/examples/console/page/samples.js';
import { startConsole, type Console } from '../../docs/examples/console/server.js';
import { describeWith } from '../support/debian.js';
import { consoleVisitors } from './consoleVisitors.js';

// A browser and two or three pages, each with a wire.
jest.setTimeout(40_000);

const SEED = samples[0]!.code;

describeWith('chromium', 'a program that several pages edit', (executablePath) => {
  const { leave, forgiveRefused, open: openAt } = consoleVisitors(executablePath);
  let server: Console;

  beforeEach(async () => {
    server = await startConsole({ port: 0 });
  });
  afterEach(async () => {
    const complaints = await leave();
    await server.close();
    expect(complaints).toEqual([]);
  });

  const open = (permissions?: string[]): Promise<Page> => openAt(server.url, permissions);
  const sourceOf = (page: Page) => page.getByLabel('JavaScript to run');
  const textOf = (page: Page): Promise<string> => sourceOf(page).inputValue();
  const people = (page: Page, count: number): Promise<void> =>
    page
      .locator('#people li')
      .nth(count - 1)
      .waitFor();
  /** Puts the caret behind those words. */
  const goBehind = async (page: Page, words: string): Promise<void> => {
    await sourceOf(page).focus();
    await sourceOf(page).evaluate((source: HTMLTextAreaElement, text) => {
      const place = source.value.indexOf(text) + text.length;
      source.setSelectionRange(place, place);
    }, words);
  };
  const has = async (page: Page, ...texts: readonly string[]): Promise<void> => {
    await page.waitForFunction((all) => all.every((text) => document.querySelector('textarea')?.value.includes(text)), texts);
  };
  const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

  it('merges what two pages type at once, also while one is offline, and shows all of it to a later page', async () => {
    const [ann, bob] = [await open(), await open()];
    await Promise.all([people(ann, 2), people(bob, 2)]);
    await goBehind(ann, 'Cut');
    await goBehind(bob, 'await setTimeout');
    await Promise.all([ann.keyboard.type(' ann-one', { delay: 5 }), bob.keyboard.type(' bob-one', { delay: 5 })]);
    await Promise.all([ann, bob].map((page) => has(page, 'Cut ann-one', 'setTimeout bob-one')));

    await button(bob, 'Cut the connection').click();
    await bob.locator('#state').filter({ hasText: 'Reconnecting' }).waitFor();
    await goBehind(bob, 'bob-one');
    await Promise.all([ann.keyboard.type(' ann-two', { delay: 5 }), bob.keyboard.type(' bob-two', { delay: 5 })]);
    await Promise.all([ann, bob].map((page) => has(page, 'Cut ann-one ann-two', 'bob-one bob-two')));

    const carol = await open();
    await has(carol, 'Cut ann-one ann-two', 'bob-one bob-two');
    const expected = SEED.replace('Cut', 'Cut ann-one ann-two').replace('await setTimeout', 'await setTimeout bob-one bob-two');
    expect([await textOf(ann), await textOf(bob), await textOf(carol)]).toEqual([expected, expected, expected]);
  });

  it('survives a restart of the server, with the edits made in the meantime', async () => {
    const [ann, bob] = [await open(), await open()];
    await goBehind(ann, 'Cut');
    await ann.keyboard.type(' before');
    await has(bob, 'Cut before');
    await server.close();
    await Promise.all([ann, bob].map((page) => page.locator('#state').filter({ hasText: 'Reconnecting' }).waitFor()));
    await ann.keyboard.type(' ann');
    await goBehind(bob, 'await setTimeout');
    await bob.keyboard.type(' bob');
    server = await startConsole({ port: Number(new URL(server.url).port) });
    await Promise.all([ann, bob].map((page) => has(page, 'Cut before ann', 'setTimeout bob')));
    const expected = SEED.replace('Cut', 'Cut before ann').replace('await setTimeout', 'await setTimeout bob');
    expect([await textOf(ann), await textOf(bob)]).toEqual([expected, expected]);
    forgiveRefused();
  });

  it('undoes and redoes only the edits of this page', async () => {
    const [ann, bob] = [await open(), await open()];
    await people(ann, 2);
    await goBehind(ann, 'Cut');
    await ann.keyboard.type('ANN');
    await has(bob, 'CutANN');
    await goBehind(bob, 'CutANN');
    await bob.keyboard.type('BOB');
    await has(ann, 'CutANNBOB');

    await ann.keyboard.press('Control+z');
    expect(await textOf(ann)).toBe(SEED.replace('Cut', 'CutBOB'));
    await has(bob, 'CutBOB');
    await ann.keyboard.press('Control+Shift+z');
    await has(bob, 'CutANNBOB');
    await ann.keyboard.press('Control+z');
    await ann.keyboard.press('Control+y');
    expect(await textOf(ann)).toBe(SEED.replace('Cut', 'CutANNBOB'));
  });

  it('is replaced by an example for all, in one step that can be undone', async () => {
    const [ann, bob] = [await open(), await open()];
    await people(bob, 2);
    await ann.getByLabel('Example').selectOption('Hello, 42');
    await bob.waitForFunction(() => document.querySelector('textarea')?.value === 'console.log(6 * 7);\n');
    await sourceOf(ann).press('Control+z');
    await has(bob, SEED);
    expect(await textOf(bob)).toBe(SEED);
    await button(bob, 'Run').click();
    await bob.locator('#outcome').filter({ hasText: 'Running' }).waitFor();
    await button(bob, 'Stop').click();
  });

  it('keeps selection and view where they are when others write above', async () => {
    const [ann, bob] = [await open(), await open()];
    await sourceOf(ann).fill(Array.from({ length: 200 }, (_, index) => `line ${index + 1}`).join('\n'));
    await has(bob, 'line 200');
    const view = (): Promise<unknown> =>
      bob.evaluate(() => {
        const source = document.querySelector('textarea')!;
        const code = document.querySelector('#code')!;
        const height = parseFloat(getComputedStyle(source).lineHeight);
        const { selectionStart, selectionEnd, selectionDirection, value } = source;
        const lines = value.split('\n');
        return { selected: value.slice(selectionStart, selectionEnd), selectionDirection, top: lines[Math.ceil(code.scrollTop / height)] };
      });
    await sourceOf(bob).evaluate((source: HTMLTextAreaElement) => {
      const start = source.value.indexOf('line 150');
      source.focus();
      source.setSelectionRange(start, start + 8, 'backward');
      document.querySelector('#code')!.scrollTop = 2_900;
    });
    const before = await view();
    await goBehind(ann, 'line 10');
    await ann.keyboard.type('0\nmore\nand more\n');
    await has(bob, 'and more');
    expect(await view()).toEqual(before);
    expect(before).toMatchObject({ selected: 'line 150', selectionDirection: 'backward' });
  });

  it('shows the people and their cursors, and removes those that have left', async () => {
    const [ann, bob] = [await open(), await open()];
    await people(ann, 2);
    const [me, other] = await ann.locator('#people li').all();
    expect(await me!.getAttribute('title')).toMatch(/^\w+ \w+ \(you\)$/);
    const name = await other!.getAttribute('title');
    expect(await bob.locator('#people li').first().getAttribute('title')).toBe(`${name} (you)`);

    await sourceOf(bob).evaluate((source: HTMLTextAreaElement) => {
      source.focus();
      const start = source.value.indexOf('import');
      source.setSelectionRange(start, start + 6);
    });
    await ann.locator('#carets .flag').filter({ hasText: name! }).waitFor({ state: 'attached' });
    await ann.waitForFunction(() => document.querySelectorAll('#carets .shade').length === 1);
    const boxOf = (selector: string): Promise<number[]> =>
      ann.locator(selector).evaluate((element) => {
        const { left, top, right } = element.getBoundingClientRect();
        return [left, top, right].map(Math.round);
      });
    // The word is a span of its own: the first keyword.
    const [left, , right] = await boxOf('#paint .keyword >> nth=0');
    expect([(await boxOf('#carets .shade'))[0], (await boxOf('#carets .shade'))[2]]).toEqual([left, right]);

    // What is written above moves it along.
    const [, top] = await boxOf('#carets .shade');
    await sourceOf(ann).evaluate((source: HTMLTextAreaElement) => source.setSelectionRange(0, 0));
    await sourceOf(ann).press('Enter');
    await ann.waitForFunction((y) => document.querySelector('#carets .shade')!.getBoundingClientRect().top > y + 10, top!);

    await bob.goto('about:blank');
    await ann.locator('#carets .caret').waitFor({ state: 'detached' });
    await ann.locator('#people li').nth(1).waitFor({ state: 'detached' });
  });

  it('lets a character be composed in peace', async () => {
    const [ann, bob] = [await open(), await open()];
    await people(ann, 2);
    await goBehind(ann, 'Cut');
    const keyboard = await ann.context().newCDPSession(ann);
    await keyboard.send('Input.imeSetComposition', { text: 'に', selectionStart: 1, selectionEnd: 1 });
    await goBehind(bob, '// ');
    await bob.keyboard.type('BOB ');
    await keyboard.send('Input.imeSetComposition', { text: 'にほ', selectionStart: 2, selectionEnd: 2 });
    expect(await textOf(ann)).toBe(SEED.replace('Cut', 'Cutにほ'));
    await keyboard.send('Input.insertText', { text: '日本' });
    await Promise.all([ann, bob].map((page) => has(page, '// BOB Counts', 'Cut日本 the')));
    expect(await textOf(ann)).toBe(await textOf(bob));
    expect((await textOf(bob)).includes('に')).toBe(false);
  });

  it('copies its address, or shows it where the clipboard refuses', async () => {
    const ann = await open(['clipboard-read', 'clipboard-write']);
    await button(ann, 'Share').click();
    await ann.getByRole('status').filter({ hasText: 'Address copied' }).waitFor();
    expect(await ann.evaluate(() => navigator.clipboard.readText())).toBe(`${server.url}/#shared`);

    const bob = await open();
    await bob.evaluate(() => Object.defineProperty(navigator.clipboard, 'writeText', { value: () => Promise.reject(new Error('no')) }));
    await button(bob, 'Share').click();
    const address = bob.getByLabel('Address of this workspace');
    expect(await address.inputValue()).toBe(`${server.url}/#shared`);
    await address.press('Escape');
    await address.waitFor({ state: 'hidden' });
    expect(await bob.evaluate(() => document.activeElement?.id)).toBe('share');
  });
});
