import { jest } from '@jest/globals';
import { chromium, type Browser } from 'playwright-core';
import { createMessage } from '../../lib/message/createMessage.js';
import type { Presence } from '../../lib/channels/memberList.js';
import { hub, type Hub } from '../../lib/server/hub/hub.js';
import type { HubOptions } from '../../lib/server/hub/hubOptions.js';
import { describeWith } from '../support/debian.js';
import { record } from '../support/record.js';
import { wireServer } from '../support/wireServer.js';
import { LAUNCH_ARGS } from './launch.js';
import { bundle, openSite, type Site } from './site.js';

jest.setTimeout(30_000);

describeWith('chromium', 'the presence of a page', (executablePath) => {
  let browser: Browser;
  let script: string;
  let site: Site;
  let server: Awaited<ReturnType<typeof wireServer>>;
  let rooms: Hub;
  let presence: ReturnType<typeof record<Presence>>;

  beforeAll(async () => {
    // Playwright turns the back/forward cache off.
    const ignoreDefaultArgs = ['--disable-back-forward-cache'];
    const launched = chromium.launch({ executablePath, args: LAUNCH_ARGS, ignoreDefaultArgs });
    script = await bundle('spec/browser/presencePage.ts');
    browser = await launched;
  });
  afterAll(() => browser.close());

  async function begin(options: HubOptions = {}): Promise<void> {
    site = await openSite(browser, script);
    rooms = hub(options);
    server = await wireServer((wire) => rooms.serve(wire), { origins: [site.origin] });
    presence = record(rooms.channel('room.1').presence$);
  }
  afterEach(async () => {
    presence.subscription.unsubscribe();
    await site.close();
    await server.close();
    expect(site.complaints).toEqual([]);
  });

  const open = (durable = false) =>
    site.open(`?${String(new URLSearchParams({ url: `ws://127.0.0.1:${server.port}/wire`, durable: String(durable) }))}`);
  const sizes = (): number[] => presence.values.map(({ members }) => members.length);
  /** Waits until a member has joined for the `count`th time. */
  async function joined(count: number): Promise<void> {
    const joins = (): number => presence.values.flatMap(({ entered }) => entered).length;
    while (joins() < count) await presence.take(presence.values.length + 1);
  }
  async function size(count: number): Promise<void> {
    while (sizes().at(-1) !== count) await presence.take(presence.values.length + 1);
  }

  it('has one member for a page that is loaded four times, and none when it is closed', async () => {
    await begin();
    const page = await open();
    await joined(1);
    for (let load = 2; load <= 4; load++) {
      await page.reload();
      await joined(load);
      await size(1);
    }
    await page.close();
    await size(0);
  });

  it.each([false, true])('shows no change of a user whose page is loaded again (durable: %s)', async (durable) => {
    await begin({ identify: () => 'ann', reloadGrace: 2_000 });
    const page = await open(durable);
    await joined(1);
    for (let load = 2; load <= 4; load++) {
      await page.reload();
      await page.waitForFunction(() => 'received' in window);
      rooms.channel('room.1').next(createMessage('note', 'hello'));
      await page.waitForTimeout(300);
    }
    expect(presence.values.flatMap(({ left }) => left)).toEqual([]);
    await page.waitForTimeout(2_500);
    expect(sizes().at(-1)).toBe(1);
    const closed = Date.now();
    await page.close();
    await size(0);
    expect(Date.now() - closed).toBeGreaterThan(1_500);
  });

  it('has no member for a page in the back/forward cache, which comes back with its state and its messages', async () => {
    await begin();
    const page = await open();
    await joined(1);
    while (presence.values.at(-1)?.members[0]?.state === undefined) await presence.take(presence.values.length + 1);
    const [member] = presence.values.at(-1)!.members;
    await page.goto(site.origin);
    await size(0);
    rooms.channel('room.1').next(createMessage('note', 'meanwhile'));
    await page.evaluate(() => history.back());
    await joined(2);
    expect(presence.values.at(-1)?.members).toEqual([member]);
    await page.waitForFunction(() => window.received.includes('meanwhile'));
    expect(await page.evaluate(() => window.received)).toEqual(['meanwhile']);
  });
});
