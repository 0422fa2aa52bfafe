import { deepStrictEqual, ok } from 'node:assert/strict';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';

export interface DriveOptions {
  /** The folder of the screenshots. */
  readonly screenshots: string;
  /** Kills the server of the app. */
  readonly stopServer: () => Promise<void>;
  readonly startServer: () => Promise<void>;
}

/** Uses the Angular example as two people would, and checks what they see. */
export async function driveNotes(browser: Browser, origin: string, options: DriveOptions): Promise<void> {
  const picture = (page: Page, name: string) => page.screenshot({ path: join(options.screenshots, `${name}.png`), fullPage: true });
  const complaints: string[] = [];
  const [desktop, phone] = await Promise.all([
    browser.newContext({ viewport: { width: 1_280, height: 800 } }),
    browser.newContext({ viewport: { width: 390, height: 844 }, colorScheme: 'dark' }),
  ]);
  const [ann, bob] = await Promise.all([open(desktop, origin, complaints), open(phone, origin, complaints)]);

  await presence(ann, bob);
  await ann.add('a fox');
  await ann.sees('a fox: done');
  await bob.sees('a fox: done');

  await ann.press('Cut the network');
  await ann.add('an owl');
  await ann.add('a heron');
  await ann.sees('a fox: done', 'an owl: queued', 'a heron: queued');
  await ann.page.locator('app-note-row [title="kept on this device"]').nth(1).waitFor();
  ok(await ann.page.getByRole('status').getByText('offline, 2 waiting').isVisible());
  await picture(ann.page, 'desktop-offline');
  await ann.page.reload();
  await ann.sees('an owl: queued', 'a heron: queued');
  await bob.sees('a fox: done');

  await ann.press('Restore the network');
  await ann.sees('a fox: done', 'an owl: done', 'a heron: done');
  await bob.sees('a fox: done', 'an owl: done', 'a heron: done');
  await stream(ann);
  await tabs(desktop, origin, complaints);
  await Promise.all([picture(ann.page, 'desktop'), picture(bob.page, '390-dark')]);
  ok(await bob.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'the page is wider than a phone');
  ok(complaints.length === 0, complaints.join('\n'));

  // From here on the browser itself complains: of a server that is not there.
  await options.stopServer();
  await bob.add('a hare');
  await bob.page.locator('app-note-row [title="kept on this device"]').waitFor();
  await picture(bob.page, '390-dark-offline');
  await options.startServer();
  await bob.page.evaluate(() => dispatchEvent(new Event('online')));
  await bob.page.locator('app-note-row', { hasText: 'a hare' }).getByText('done').waitFor();
  const others = complaints.filter((text) => !text.includes('ERR_CONNECTION_REFUSED'));
  ok(others.length === 0, others.join('\n'));
}

/** Two people see each other. */
async function presence(ann: Person, bob: Person): Promise<void> {
  await ann.rename('Ann');
  await bob.rename('Bob');
  for (const { page } of [ann, bob]) for (const name of ['Ann', 'Bob']) await page.locator('app-people li', { hasText: name }).waitFor();
}

/** The stream has each line once, also those that came during a cut. */
async function stream({ page, press }: Person): Promise<void> {
  const numbers = async (): Promise<number[]> => (await page.locator('app-log-view b').allTextContents()).map(Number);
  await press('Cut the network');
  const before = await numbers();
  await page.waitForTimeout(2_500);
  deepStrictEqual(await numbers(), before);
  await press('Restore the network');
  await page
    .locator('app-log-view b')
    .nth(before.length + 1)
    .waitFor({ state: 'attached' });
  const after = await numbers();
  deepStrictEqual(after, [...after.keys()]);
}

/** A second tab of the same browser has an outbox of its own. */
async function tabs(context: BrowserContext, origin: string, complaints: string[]): Promise<void> {
  const tab = await open(context, origin, complaints);
  await tab.add('a crane');
  await tab.page.locator('app-note-row', { hasText: 'a crane' }).getByText('done').waitFor();
  await tab.page.close();
}

type Person = Awaited<ReturnType<typeof open>>;

async function open(context: BrowserContext, origin: string, complaints: string[]) {
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(origin);
  await page.getByRole('status').getByText('online').waitFor();
  return {
    page,
    press: (name: string) => page.getByRole('button', { name }).click(),
    rename: async (name: string) => {
      await page.getByLabel('Your name').fill(name);
      await page.getByLabel('Your name').blur();
    },
    add: async (text: string) => {
      await page.getByLabel('Note').fill(text);
      await page.getByRole('button', { name: 'Add' }).click();
    },
    /** Waits until these are the notes, and their steps. */
    sees: (...rows: readonly string[]) =>
      page.waitForFunction(
        (wanted) =>
          [...document.querySelectorAll('app-note-row')]
            .map(({ children }) => [...children].map(({ textContent }) => textContent).join(': '))
            .join() === wanted,
        rows.join(),
      ),
  };
}
