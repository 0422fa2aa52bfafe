import { firstValueFrom, NEVER, noop, Observable, Subject, take, toArray } from 'rxjs';
import { memoryLink } from '../../lib/io/memoryLink.js';
import type { Frame, Link } from '../../lib/io/link.js';
import { sharedLink } from '../../lib/io/sharedLink.js';
import { createMessage } from '../../lib/message/createMessage.js';
import { ConnectionLostError } from '../../lib/message/errors.js';
import { serve } from '../../lib/server/serve.js';
import { connect } from '../../lib/wire/connect.js';
import { createFakeBrowser } from '../support/fakeBrowser.js';
import { createClock } from '../simulation/clock.js';
import { tabGroup } from '../../lib/io/shared/tabGroup.js';

const never: Link<Frame> = () => NEVER;

describe('sharedLink', () => {
  it('is the link itself where the platform has no locks, or no channels between tabs', () => {
    expect(sharedLink('app', never, { locks: false })).toBe(never);
    expect(sharedLink('app', never)).toBe(never);
  });

  it('describes itself as the link', () => {
    const link = Object.assign(() => NEVER, { protocol: 'websocket', endpoint: 'ws://127.0.0.1:4870/wire' });
    const locks = { request: () => new Promise(() => undefined) };
    const { protocol, endpoint } = sharedLink('app', link, { locks });
    expect([protocol, endpoint]).toEqual(['websocket', 'ws://127.0.0.1:4870/wire']);
  });

  it('refuses a time that is not positive', () => {
    expect(() => sharedLink('app', never, { answerTimeout: 0 })).toThrow(RangeError);
  });

  it('uses the link alone when the platform refuses the lock', async () => {
    const [near, far] = memoryLink<Frame>();
    const refused = new DOMException('not here', 'SecurityError');
    const link = sharedLink('app', near, { locks: { request: () => Promise.reject(refused) }, leaving$: NEVER });
    const arrived = new Subject<Frame>();
    const first = firstValueFrom(arrived);
    far(NEVER).subscribe(arrived);
    const using = link(new Observable((to) => to.next('plain'))).subscribe({ error: noop });
    expect(await first).toBe('plain');
    arrived.subscribe({ error: noop });
    using.unsubscribe();
  });

  it('carries a wire with the locks and channels of a platform', async () => {
    const [near, far] = memoryLink<Frame>();
    let requests = 0;
    const request = (_: string, __: object, granted: () => Promise<void>): Promise<void> => {
      requests++;
      return granted();
    };
    const received = new Subject<unknown>();
    const serving = serve(new Observable((to) => to.next(far))).subscribe((wire) =>
      wire.subscribe(({ payload }) => received.next(payload)),
    );
    const all = firstValueFrom(received.pipe(take(2), toArray()));
    const wire = connect({ link: sharedLink('app', near, { locks: { request }, leaving$: NEVER }) });
    wire.next(createMessage('test.said', 1));
    wire.next(createMessage('test.said', 2));
    expect(await all).toEqual([1, 2]);
    wire.unsubscribe();
    // The tab does not request the lock again for a wire that has ended.
    expect(requests).toBe(1);
    serving.unsubscribe();
  });
});

describe('the tabs of a sharedLink', () => {
  const open = (count: number) => {
    const clock = createClock();
    const accepted: Link<Frame>[] = [];
    /** The latencies of the next messages, frames and locks. */
    const latencies: number[] = [];
    const browser = createFakeBrowser({ clock, latency: () => latencies.shift() ?? 1, accept: (link) => accepted.push(link) });
    const run = (ms: number): void => clock.run(clock.now() + ms, () => true);
    const tabs = Array.from({ length: count }, (_, index) => {
      const tab = browser.createTab(`tab${index}`);
      const join = tabGroup('app', tab.link, { ...tab, answerTimeout: 700 });
      const outgoing = new Subject<Frame>();
      const frames: Frame[] = [];
      const errors: unknown[] = [];
      const connect = () => {
        const link = new Observable<Frame>((to) => join(outgoing, to));
        return link.subscribe({ next: (frame) => frames.push(frame), error: (error: unknown) => errors.push(error) });
      };
      return { ...tab, outgoing, frames, errors, connect };
    });
    return { clock, browser, accepted, latencies, run, tabs };
  };
  /** Takes the frames of the server's side of a connection, and sends frames to it. */
  const serverSide = (link: Link<Frame>) => {
    const toTabs = new Subject<Frame>();
    const frames: Frame[] = [];
    link(toTabs).subscribe({ next: (frame) => frames.push(frame), error: () => undefined });
    return { toTabs, frames };
  };

  it('open one connection, and number their streams in the order of their first frames', () => {
    const { accepted, run, tabs } = open(2);
    for (const { connect } of tabs) connect();
    run(50);
    expect(accepted).toHaveLength(1);
    const server = serverSide(accepted[0]!);
    tabs[1]!.outgoing.next('from b');
    run(50);
    tabs[0]!.outgoing.next(Uint8Array.of(7));
    run(50);
    expect(server.frames.at(-2)).toBe('1:from b');
    expect(server.frames.at(-1)).toEqual(Uint8Array.of(0, 0, 0, 2, 7));
    server.toTabs.next('1:to b');
    server.toTabs.next('2:to a');
    run(50);
    expect(tabs.map(({ frames }) => frames)).toEqual([['to a'], ['to b']]);
  });

  it('lose the connection when the leader is left, and have another one when they return', () => {
    const { accepted, run, tabs } = open(3);
    for (const { connect } of tabs) connect();
    run(50);
    tabs[0]!.leaving$.next('pagehide');
    run(50);
    for (const { errors } of tabs) expect(errors).toEqual([expect.any(ConnectionLostError)]);
    tabs[1]!.connect();
    tabs[2]!.connect();
    run(50);
    expect(accepted).toHaveLength(2);
  });

  it('take the lock from a leader that does not answer, within twice the timeout', () => {
    const { accepted, run, tabs } = open(2);
    for (const { connect } of tabs) connect();
    run(50);
    tabs[0]!.freeze(false);
    tabs[1]!.outgoing.next('anybody?');
    run(1_400);
    expect(tabs[1]!.errors).toMatchObject([{ closeCode: 1006 }]);
    tabs[1]!.connect();
    run(50);
    expect(accepted).toHaveLength(2);
    // The former leader learns of it, and closes its connection.
    tabs[0]!.thaw();
    run(50);
    expect(tabs[0]!.errors).toMatchObject([{ closeCode: 1006 }]);
  });

  it('give the lock back when they lead, and have no wire that returns', () => {
    const { browser, run, tabs } = open(3);
    tabs[0]!.connect();
    run(50);
    tabs[1]!.connect();
    run(50);
    tabs[0]!.close(false);
    run(50);
    expect(tabs[1]!.errors).toHaveLength(1);
    let hasLock = false;
    browser
      .createTab('other')
      .hold('app')
      .subscribe(() => (hasLock = true));
    run(4_500);
    expect(hasLock).toBe(false);
    run(1_000);
    expect(hasLock).toBe(true);
  });

  it('keep the lock when they lead, and their wires return', () => {
    const { accepted, browser, run, tabs } = open(2);
    for (const { connect } of tabs) connect();
    run(50);
    tabs[0]!.close(false);
    run(1_000);
    tabs[1]!.connect();
    let hasLock = false;
    browser
      .createTab('other')
      .hold('app')
      .subscribe(() => (hasLock = true));
    run(20_000);
    expect([hasLock, accepted.length, tabs[1]!.errors.length]).toEqual([false, 2, 1]);
  });

  it('use a connection of their own when 32 streams are open', () => {
    const { accepted, run, tabs } = open(33);
    for (const { connect } of tabs) connect();
    run(100);
    expect(accepted).toHaveLength(2);
  });

  it('end all streams when nothing has arrived since the latest frame of the silent one', () => {
    const { accepted, run, tabs } = open(2);
    for (const { connect } of tabs) connect();
    run(50);
    const server = serverSide(accepted[0]!);
    for (const { outgoing } of tabs) outgoing.next('x');
    run(50);
    server.toTabs.next('1:y');
    server.toTabs.next('2:y');
    run(50);
    // The stream of tab 0 is the first one: the other has heard later.
    tabs[0]!.outgoing.error(new ConnectionLostError(4411, 'silent'));
    run(50);
    expect(tabs[1]!.errors).toEqual([]);
    tabs[1]!.outgoing.error(new ConnectionLostError(4411, 'silent'));
    run(50);
    expect(server.frames.at(-1)).toBe('["close",2,4411,"silent"]');
  });

  it('know which of them has sent a frame that the server does not read, and the others return', () => {
    const { accepted, run, tabs } = open(3);
    for (const { connect } of tabs) connect();
    run(50);
    const server = serverSide(accepted[0]!);
    tabs[1]!.outgoing.next('far too large');
    for (const { outgoing } of tabs) outgoing.next('x');
    run(50);
    server.toTabs.error(new ConnectionLostError(1009, 'too large'));
    run(50);
    expect(tabs.map(({ errors }) => errors)).toMatchObject([[{ closeCode: 1006 }], [{ closeCode: 1009 }], [{ closeCode: 1006 }]]);
  });

  it('end a stream normally, also when its lock is free before its last frames arrive', () => {
    const { accepted, latencies, run, tabs } = open(2);
    for (const { connect } of tabs) connect();
    run(50);
    const server = serverSide(accepted[0]!);
    latencies.push(5);
    tabs[1]!.outgoing.next('last');
    latencies.push(5, 1);
    tabs[1]!.outgoing.complete();
    run(50);
    expect(server.frames.slice(-2)).toEqual(['1:last', '["close",1,1000,""]']);
  });
});
