import { Observable, Subject, type Subscription } from 'rxjs';
import { connect, createMessage, type Frame, type Link, type Message } from '../../../lib/index.js';
import { tabGroup } from '../../../lib/io/shared/tabGroup.js';
import { serve, type ServerWire } from '../../../lib/server/index.js';
import type { Wire } from '../../../lib/wire/wire.js';
import { createFakeBrowser, type FakeTab } from '../../support/fakeBrowser.js';
import { createChance } from '../chance.js';
import { createClock } from '../clock.js';
import { withoutTimers } from '../timers.js';
import type { Outcome, Violation } from '../world.js';

/** A tab with its wire, and what it has sent and received. */
interface Page {
  readonly tab: FakeTab;
  readonly wire: Wire;
  sent: number;
  acked: number;
  /** The numbers of the answers. */
  answers: number;
  /** How many messages the server has received. */
  received: number;
}

type Trace = (at: number, who: string, what: string) => void;

/** How long the tabs do what they do, and how long they may take to settle then, in ms. */
const STORY = 6_000;
const SETTLE = 60_000;
/** How soon tabs that nobody freezes have a connection again, in ms, when the tab with the connection has gone, or does not answer. */
const HAND_OVER = 1_500;
const HUNG = 4_000;
const PING_INTERVAL = 2_000;
/** How long the last messages of a tab may take after its lock is free, in ms. */
const NOTICED = 100;

/** Several tabs with one connection, which send, die and freeze at any step. */
export function runTabs(seed: number, trace: Trace = () => undefined): Outcome {
  const chance = createChance(seed);
  const clock = createClock();
  const counts = { messages: 0, cuts: 0, crashes: 0 };
  let violation: Violation | undefined;
  const fail = (kind: string, detail: string): void => {
    violation ??= { invariant: 'tabs', detail: `${kind}: ${detail}`, at: clock.now() };
  };
  const slowest = chance.pick([1, 5, 30, 200]);
  const links$ = new Subject<Link<Frame>>();
  const latency = (): number => chance.skewed(0, slowest);
  const browser = createFakeBrowser({ clock, latency, accept: (link) => links$.next(link) });
  const pages = new Map<string, Page>();

  const server = {
    scheduler: clock.scheduler(
      'timer',
      () => true,
      () => undefined,
      (task) => task(),
    ),
  };
  const microtask = clock.scheduler(
    'microtask',
    () => true,
    () => undefined,
    (task) => task(),
  );
  const wires: ServerWire[] = [];
  const onWire = (wire: ServerWire): void => {
    wires.push(wire);
    wire.subscribe({
      next: ({ payload }: Message) => {
        const [name, number] = payload as readonly [string, number];
        const page = pages.get(name);
        if (!page) return fail('surprise', `a message of ${name}`);
        if (number <= page.received) fail('doubled', `message ${number} of ${name}, after ${page.received}`);
        else if (number > page.received + 1) fail('lost', `message ${number} of ${name} came after ${page.received}`);
        page.received = Math.max(page.received, number);
        wire.next(createMessage('test.answer', number));
      },
    });
  };
  const open = (index: number): void => {
    const tab = browser.createTab(`tab${index}`);
    const join = tabGroup('app', tab.link, { ...tab, answerTimeout: 700 });
    const link: Link<Frame> = (outgoing) => new Observable((to) => join(outgoing, to));
    const { scheduler } = tab;
    const wire = connect({
      link,
      scheduler,
      microtask: tab.microtask,
      id: tab.name,
      reconnect: { random: chance.random, maxInterval: 5_000 },
      handshakeTimeout: 2_000,
    });
    const page: Page = { tab, wire, sent: 0, acked: 0, answers: 0, received: 0 };
    pages.set(tab.name, page);
    wire.subscribe({
      next: ({ payload }) => {
        if (payload !== page.answers + 1) fail('out of order', `the answer ${String(payload)} of ${tab.name} came after ${page.answers}`);
        page.answers = payload as number;
      },
      error: (error: unknown) => tab.isAlive() && fail('an error', `${tab.name}: ${String(error)}`),
    });
    wire.receipts$.subscribe(({ status }) => status === 'acked' && page.acked++);
    wire.state$.subscribe(({ status }) => trace(clock.now(), tab.name, status));
  };
  const send = (page: Page): void => {
    if (!page.tab.isAlive() || page.tab.isFrozen()) return;
    counts.messages++;
    const message = createMessage('test.said', [page.tab.name, ++page.sent]);
    page.wire.next(message);
  };
  const alive = (): readonly Page[] => [...pages.values()].filter(({ tab }) => tab.isAlive());
  const running = (): readonly Page[] => alive().filter(({ tab }) => !tab.isFrozen());

  const act = (): void => {
    const page = chance.pick(alive());
    const roll = chance.random();
    if (roll < 0.7) send(page);
    else if (roll < 0.76) {
      const isTold = chance.hit(0.6);
      trace(clock.now(), page.tab.name, isTold ? 'is frozen' : 'hangs');
      counts.crashes++;
      page.tab.freeze(isTold);
      clock.after(chance.skewed(10, 10_000), () => {
        if (page.tab.isAlive()) page.tab.thaw();
      });
    } else if (roll < 0.82 && alive().length > 1) {
      const isTold = chance.hit(0.5);
      trace(clock.now(), page.tab.name, isTold ? 'closes' : 'crashes');
      counts.crashes++;
      page.tab.close(isTold);
    } else if (roll < 0.86 && pages.size < 12) open(pages.size);
    else if (roll < 0.9) {
      const [socket] = browser.sockets();
      if (!socket) return;
      trace(clock.now(), socket.tab.name, 'loses the connection');
      counts.cuts++;
      if (chance.hit(0.3)) socket.silence();
      else socket.cut();
    } else if (roll < 0.91) {
      trace(clock.now(), 'browser', 'is offline');
      browser.setOnline(false);
      clock.after(chance.skewed(10, 5_000), () => browser.setOnline(true));
    }
  };
  let serving: Subscription | undefined;
  const finish = (): void => {
    for (const { tab } of alive()) tab.thaw();
    browser.setOnline(true);
  };
  const served = (): number => wires.filter(({ state }) => state.status === 'connected').length;
  const isSettled = (): boolean =>
    browser.sockets().length === 1 &&
    served() === alive().length &&
    alive().every(
      ({ wire, sent, received, answers, acked }) =>
        wire.state.status === 'connected' && received === sent && answers === sent && acked === sent,
    );
  const check = (): void => {
    for (const { tab, wire, sent, received, answers, acked } of alive()) {
      if (wire.state.status !== 'connected') fail('not settled', `${tab.name} is ${wire.state.status}`);
      if (received !== sent) fail('lost', `${tab.name} has sent ${sent} messages, and the server has received ${received}`);
      if (acked !== sent) fail('lost', `${tab.name} has ${acked} receipts for ${sent} messages`);
      if (answers !== sent) fail('lost', `${tab.name} has received ${answers} of ${sent} answers`);
    }
    if (served() !== alive().length) fail('sockets', `the server has ${served()} connections, and ${alive().length} tabs are open`);
    if (browser.sockets().length !== 1) fail('sockets', `${browser.sockets().length} sockets for ${alive().length} tabs`);
  };
  const settle = (): void => {
    const end = clock.now() + SETTLE;
    while (!violation && !isSettled() && clock.now() < end) clock.run(clock.now() + 500, () => !violation);
    if (!violation) check();
  };
  /** The tab with the connection goes away: the others have one soon. */
  const handOver = (): void => {
    const leader = browser.sockets()[0]?.tab;
    if (!leader || alive().length < 2) return;
    const kind = chance.pick(['close', 'crash', 'freeze', 'hang'] as const);
    trace(clock.now(), leader.name, kind);
    if (kind === 'freeze' || kind === 'hang') leader.freeze(kind === 'freeze');
    else leader.close(kind === 'close');
    // A tab that was frozen before may return meanwhile.
    const others = running();
    const begun = clock.now();
    const limit = (kind === 'hang' ? HUNG : HAND_OVER) + 20 * slowest;
    clock.run(begun + limit, () => !violation);
    for (const { tab, wire } of others) {
      if (wire.state.status !== 'connected') fail('slow', `${tab.name} is ${wire.state.status} ${limit} ms after a ${kind}`);
    }
  };

  /** Tabs that close, and wires that end, leave nothing behind. */
  const leave = (): void => {
    // A slow network hides what the server finds out by itself.
    if (slowest > 30) return;
    const leader = browser.sockets()[0]?.tab;
    const other = running().find(({ tab }) => tab !== leader);
    const kind = chance.pick(['closes', 'crashes', 'ends its wire'] as const);
    if (other) {
      trace(clock.now(), other.tab.name, kind);
      if (kind === 'ends its wire') other.wire.unsubscribe();
      else other.tab.close(kind === 'closes');
      clock.run(clock.now() + NOTICED + 20 * slowest, () => !violation);
      const count = running().filter(({ wire }) => wire !== other.wire).length;
      if (served() !== count) fail('sockets', `the server has ${served()} connections and not ${count}, as ${other.tab.name} ${kind}`);
    }
    for (const { wire } of alive()) wire.unsubscribe();
    clock.run(clock.now() + 20 * slowest, () => !violation);
    if (browser.sockets().length > 0) fail('sockets', 'a socket is left when all wires have ended');
  };

  withoutTimers(
    (error) => fail('surprise', String((error as Error).stack ?? error)),
    () => {
      serving = serve(links$, {
        ...server,
        microtask,
        random: chance.random,
        detachedTimeout: 1e9,
        pingInterval: PING_INTERVAL,
        handshakeTimeout: 2_000,
        maxDetached: 100,
      }).subscribe(onWire);
      const first = chance.whole(1, 5);
      for (let index = 0; index < first; index++) clock.at(chance.skewed(0, 2_000), () => open(pages.size));
      for (let at = 100; at < STORY; at += chance.skewed(1, 500)) clock.at(at, () => pages.size > 0 && alive().length > 0 && act());
      clock.run(STORY, () => !violation);
      finish();
      // At least as long as the server needs to notice that a stream is silent.
      clock.run(STORY + 3 * PING_INTERVAL, () => !violation);
      settle();
      // A wire that has made progress reconnects without a backoff.
      for (const page of alive()) send(page);
      settle();
      if (chance.hit(0.5)) leave();
      else handOver();
    },
  );
  serving?.unsubscribe();
  return { seed, violation, ...counts };
}
