import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { jest } from '@jest/globals';
import type { Locator, Page } from 'playwright-core';
import { describeWith } from '../support/debian.js';
import { openDocsSite, problems, type DocsSite, type Look } from './docsSite.js';

// npm run docs:check builds the site and runs this test.
jest.setTimeout(180_000);

const operators = readdirSync('docs/operators').flatMap((file) => (file === 'README.md' ? [] : [file.replace('.md', '')]));
/** The playgrounds that a button opens, and their pages. */
const guides: Readonly<Record<string, string>> = {
  pipeline: '/',
  wire: '/guide/wire.html',
  consume: '/guide/processing.html',
  route: '/guide/routing.html',
  use: '/guide/routing.html',
  request: '/guide/requests.html',
  reply: '/guide/requests.html',
  queue: '/guide/queues.html',
  sendThrough: '/guide/sending.html',
  liveState: '/guide/live-state.html',
};
/** The folder of the tests that are copied from the site. */
const COPIED = '.tmp/copied';

describeWith('chromium', 'the playgrounds of the documentation site', (executablePath) => {
  let site: DocsSite;

  beforeAll(async () => {
    site = await openDocsSite(executablePath);
  });
  afterAll(() => site.close());
  beforeEach(() => void site.complaints.splice(0));
  afterEach(() => expect(site.complaints).toEqual([]));

  /** Opens the page of a playground, and presses the button that opens it in a guide. */
  async function openPlayground(name: string, look?: Look): Promise<Page> {
    const path = guides[name];
    const page = await site.open(path ?? `/operators/${name}.html`, look);
    if (path !== undefined) await page.locator(`.playground-opener[data-name=${name}] button`).click();
    return page;
  }

  it('draw again when the reader changes the marbles and the options', async () => {
    const page = await site.open('/operators/dedupe.html');
    const playground = playgroundOf(page, 'dedupe');
    await shows(playground, '-a--ba--b--|');
    const before = await picture(playground);
    await playground.getByLabel('source').fill('aaaa|');
    await shows(playground, 'a---|');
    await playground.getByLabel('ttl').fill('2');
    await shows(playground, 'a-a-|');
    expect(await picture(playground)).not.toBe(before);
    await page.context().close();
  });

  it('say in a sentence what is wrong', async () => {
    const page = await site.open('/operators/dedupe.html');
    const playground = playgroundOf(page, 'dedupe');
    await playground.getByLabel('source').fill('-(ab');
    await playground.getByText('"source" must close each "(" with a ")".').waitFor();
    await playground.getByRole('button', { name: 'Copy as a test' }).click();
    await playground.getByText('There is no diagram to copy.').waitFor();
    await playground.getByRole('button', { name: 'Reset' }).click();
    await shows(playground, '-a--ba--b--|');
    await page.context().close();
  });

  it('show what a wire does when the reader moves the cut, and how it delivers', async () => {
    const page = await openPlayground('wire');
    const playground = playgroundOf(page, 'wire');
    await shows(playground, '---a----------(bc)----d');
    await playground.getByLabel('link').fill('--x--o');
    await shows(playground, '--------(abc)---------d');
    await playground.getByLabel('link').fill('----x------o');
    await playground.getByLabel('delivery').selectOption('at-most-once');
    await shows(playground, '---a----------c-------d');
    await page.context().close();
  });

  it('are shared by a link', async () => {
    const page = await site.open('/operators/priorityMerge.html');
    const playground = playgroundOf(page, 'priorityMerge');
    await playground.getByLabel('source').fill('-abc-D|');
    await playground.getByLabel('overflow').selectOption('drop-lowest');
    await playground.getByLabel('maxSize').fill('1');
    const result = await playground.locator('.playground-result').innerText();
    await playground.getByRole('button', { name: 'Copy link' }).click();
    await playground.getByText('The link is copied.').waitFor();
    const link = await clipboard(page);
    expect(link).toBe(`${site.origin}/operators/priorityMerge.html#try-priorityMerge?source=-abc-D%7C&maxSize=1&overflow=drop-lowest`);
    await page.context().close();

    const other = await site.open(link.slice(site.origin.length));
    const same = playgroundOf(other, 'priorityMerge');
    await same.locator('.playground-result').waitFor();
    expect(await same.locator('.playground-result').innerText()).toBe(result);
    expect(await same.getByLabel('overflow').inputValue()).toBe('drop-lowest');
    await other.context().close();
  });

  it('of each operator and each guide are copied as tests that pass', async () => {
    rmSync(COPIED, { recursive: true, force: true });
    mkdirSync(COPIED, { recursive: true });
    for (const name of [...operators, ...Object.keys(guides)]) {
      const page = await openPlayground(name);
      const playground = playgroundOf(page, name);
      if (name === 'pipeline') await playground.getByLabel('link').fill('------x-----o-----------');
      else if (name === 'dedupe') await playground.getByLabel('source').fill('-a-(ab)--#');
      await playground.getByRole('button', { name: 'Copy as a test' }).click();
      await playground.getByText('The test is copied.').waitFor();
      writeFileSync(`${COPIED}/${name}.spec.ts`, await clipboard(page));
      await page.context().close();
    }
    const args = ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', '--config', JSON.stringify(jestConfig())];
    const { stderr } = await promisify(execFile)(process.execPath, args);
    expect(stderr).toContain(`Tests:       ${operators.length + Object.keys(guides).length} passed`);
  });

  it.each([
    ['light', 1_280],
    ['dark', 390],
  ] as const)('have nothing that axe finds serious, and fit: %s, %i pixels', async (colorScheme, width) => {
    for (const name of ['ackWithin', 'priorityMerge', 'retryBackoff', 'wire', 'request']) {
      const page = await openPlayground(name, { colorScheme, width });
      await playgroundOf(page, name).locator('.playground-result').waitFor();
      expect(await problems(page)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      await page.context().close();
    }
  });
});

describeWith('chromium', 'the page of an example', (executablePath) => {
  it('copies the command that writes it', async () => {
    const site = await openDocsSite(executablePath);
    const page = await site.open('/examples/chat/');
    await page.getByRole('button', { name: 'Copy the command' }).click();
    await page.getByText('The command is copied.').waitFor();
    expect(await clipboard(page)).toBe('npx rxwire new chat');
    await page.goto(`${site.origin}/examples/script/`);
    await page.locator('.new-project code', { hasText: 'npx rxwire new node' }).waitFor();
    expect(site.complaints).toEqual([]);
    await site.close();
  });
});

/** The configuration of a project that uses the package, as it is built. */
function jestConfig(): object {
  return {
    rootDir: process.cwd(),
    roots: [`<rootDir>/${COPIED}`],
    testMatch: ['**/*.spec.ts'],
    testPathIgnorePatterns: [],
    extensionsToTreatAsEsm: ['.ts'],
    transform: { '^.+\\.ts$': ['ts-jest', { useESM: true, diagnostics: false }] },
    moduleNameMapper: { '^rxwire$': '<rootDir>/dist/esm/index.js', '^rxwire/testing$': '<rootDir>/dist/esm/adapters/testing/index.js' },
  };
}

const playgroundOf = (page: Page, name: string): Locator => page.getByRole('region', { name: `Playground of ${name}` });
const clipboard = (page: Page): Promise<string> => page.evaluate(() => navigator.clipboard.readText());

async function shows(playground: Locator, marbles: string): Promise<void> {
  await playground.locator('.playground-result dd', { hasText: new RegExp(`^${marbles.replace(/[|()]/g, '\\$&')}$`) }).waitFor();
}

async function picture(playground: Locator): Promise<string | null> {
  return playground.locator('img').getAttribute('src');
}
