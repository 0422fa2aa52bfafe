import { BehaviorSubject, NEVER, Subject, throwError, VirtualTimeScheduler } from 'rxjs';
import { testWire } from '../../../lib/adapters/testing/testWire.js';
import type { BroadcastChannelConstructor, BroadcastChannelLike } from '../../../lib/io/shared/tabChannel.js';
import { createMessage } from '../../../lib/message/createMessage.js';
import { StoreError } from '../../../lib/message/errors.js';
import { EMPTY_OUTBOX } from '../../../lib/core/storedOutgoing.js';
import type { OpenedOutbox, OutboxStore } from '../../../lib/stores/outboxStore.js';
import { tabOutboxes, type DrainingWire, type TabOutboxesOptions } from '../../../lib/stores/web/tabOutboxes.js';
import { webStorageOutbox } from '../../../lib/stores/web/webStorageOutbox.js';
import { connect } from '../../../lib/wire/connect.js';
import type { ConnectionState } from '../../../lib/wire/connectionState.js';
import { fakeLocks } from '../../support/fakeLocks.js';
import { batch, ready } from '../../support/outboxCases.js';
import { record } from '../../support/record.js';
import { fakeStorage } from '../fakeStorage.js';

/** Until all that was asked for is granted. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** Channels between tabs that deliver at once. */
function fakeChannels(): BroadcastChannelConstructor {
  const all = new Set<Channel>();
  class Channel implements BroadcastChannelLike {
    onmessage: BroadcastChannelLike['onmessage'] = null;
    constructor(readonly name: string) {
      all.add(this);
    }
    postMessage(data: unknown): void {
      for (const other of all) if (other !== this && other.name === this.name) other.onmessage?.({ data });
    }
    close(): void {
      all.delete(this);
    }
  }
  return Channel;
}

/** A browser, whose tabs have outboxes in `localStorage`. */
function site(more: (name: string) => Partial<OutboxStore> = () => ({})) {
  const { locks, heldNames } = fakeLocks();
  const localStorage = fakeStorage();
  const BroadcastChannel = fakeChannels();
  const scheduler = new VirtualTimeScheduler(undefined, 0);
  const made: string[] = [];
  const make = (name: string): OutboxStore => {
    made.push(name);
    return { ...webStorageOutbox(name, { storage: localStorage, locks }), ...more(name) };
  };
  const tab = (options: TabOutboxesOptions = {}) =>
    tabOutboxes('a', make, { locks, BroadcastChannel, scheduler, drainAfter: 1_000, storage: fakeStorage(), ...options });
  const pass = async (ms: number): Promise<void> => {
    for (const end = scheduler.maxFrames + ms; scheduler.maxFrames < end;) {
      scheduler.maxFrames += 100;
      scheduler.flush();
      await settle();
    }
  };
  const held = (): readonly string[] => heldNames().filter((name) => name.startsWith('rxwire:outboxes:'));
  /** A tab opens an outbox, writes messages, and closes. */
  const leave = async (outbox: OutboxStore, count = 1): Promise<void> => {
    await ready(outbox.open());
    await write(outbox, count);
    outbox.close();
    await settle();
  };
  return { locks, localStorage, made, make, tab, pass, held, leave };
}

async function write(outbox: OutboxStore, count = 1): Promise<void> {
  for (let first = 1; first <= count; first++)
    await ready(outbox.write({ head: { ...EMPTY_OUTBOX, last: first }, batches: [batch(first)], replaces: false }));
}

/** A wire that ends as the test wants. */
function fakeWire() {
  const state$ = new BehaviorSubject({ status: 'connecting' } as ConnectionState);
  const calls: string[] = [];
  const wire: DrainingWire = {
    get state() {
      return state$.value;
    },
    state$,
    complete: () => void calls.push('complete'),
    unsubscribe: () => void calls.push('unsubscribe'),
  };
  const change = (state: Partial<ConnectionState>): void => state$.next(state as ConnectionState);
  return { wire, calls, change };
}

describe('tabOutboxes', () => {
  describe('own', () => {
    it('is the first outbox that no tab has open', async () => {
      const { tab, made, held } = site();
      const [first, second] = [tab().own, tab().own];
      made.length = 0;
      await ready(first.open());
      await ready(second.open());
      expect(made).toEqual(['a', 'a-2']);
      expect(held()).toEqual(['rxwire:outboxes:a:1', 'rxwire:outboxes:a:2']);
      first.close();
      await settle();
      expect(held()).toEqual(['rxwire:outboxes:a:2']);
      expect(second.isWaiting!()).toBe(false);
    });

    it('continues with the messages of a closed tab, as the same sender', async () => {
      const { tab, leave } = site();
      const before = tab().own;
      const { pid } = await ready<OpenedOutbox>(before.open());
      before.close();
      await settle();
      await leave(tab().own, 2);
      const { pid: after, batches } = await ready(tab().own.open());
      expect([after, batches]).toEqual([pid, [batch(1), batch(2)]]);
    });

    it('is the same after a reload of the tab, also when another is free', async () => {
      const { tab, held } = site();
      const storage = fakeStorage();
      const other = tab().own;
      await ready(other.open());
      const before = tab({ storage }).own;
      await ready(before.open());
      other.close();
      before.close();
      await settle();
      await ready(tab({ storage }).own.open());
      expect(held()).toEqual(['rxwire:outboxes:a:2']);
    });

    it('is the same when it is closed and opened again at once', async () => {
      const { tab, held, pass } = site();
      const { own } = tab({ storage: undefined });
      const { pid } = await ready<OpenedOutbox>(own.open());
      own.close();
      const reopened = ready(own.open());
      await settle();
      await pass(100);
      expect([(await reopened).pid, held()]).toEqual([pid, ['rxwire:outboxes:a:1']]);
    });

    it('is another in a duplicate of the tab', async () => {
      const { tab, held } = site();
      const storage = fakeStorage();
      await ready(tab({ storage }).own.open());
      await ready(tab({ storage }).own.open());
      expect(held()).toEqual(['rxwire:outboxes:a:1', 'rxwire:outboxes:a:2']);
    });

    it('opens when the number of the tab cannot be stored', async () => {
      const { tab } = site();
      const full = {
        getItem: () => null,
        setItem() {
          throw new DOMException('full', 'QuotaExceededError');
        },
      };
      expect(await ready(tab({ storage: full }).own.open())).toMatchObject({ epoch: 1 });
    });

    it('fails to open in the 33rd tab', async () => {
      const { tab } = site();
      for (let count = 0; count < 32; count++) await ready(tab().own.open());
      const error = await ready(tab().own.open()).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ store: 'web-locks', fault: 'failed' });
      expect((error as StoreError).cause).toEqual(new Error('tabOutboxes: 32 tabs have an outbox open: close one of them'));
    });

    it('passes on the faults and the limits of its outbox', async () => {
      const faults$ = new Subject<StoreError>();
      const { tab } = site(() => ({ faults$, maxMessages: 7 }));
      const { own } = tab();
      const { values } = record(own.faults$!);
      await ready(own.open());
      const fault = new StoreError('web-storage', 'corrupt');
      faults$.next(fault);
      expect([values, own.maxMessages, own.isDurable]).toEqual([[fault], 7, true]);
    });
  });

  describe('drainClosed', () => {
    it('sends the messages of a closed tab, in order, after a time in which the tab can reload', async () => {
      const { tab, make, pass, held } = site();
      const { server, link, wire, close } = testWire();
      wire.unsubscribe();
      const first = tab();
      await ready(first.own.open());
      const { own } = tab();
      const offline = connect({ link: () => NEVER, outbox: own, delivery: 'exactly-once' });
      await settle();
      const sent = Array.from({ length: 20 }, (_, index) => createMessage('test.said', index));
      for (const message of sent) offline.next(message);
      await settle();
      const { values } = record(first.drainClosed((outbox) => connect({ link, outbox, delivery: 'exactly-once' })));
      await pass(3_000);
      expect(server.received).toEqual([]);
      offline.unsubscribe();
      await settle();
      await pass(900);
      expect(server.received).toEqual([]);
      await pass(2_000);
      expect(server.received.map(({ payload }) => payload)).toEqual(sent.map(({ payload }) => payload));
      expect(values).toEqual([{ name: 'a-2' }]);
      expect(held()).toEqual(['rxwire:outboxes:a:1', 'rxwire:outboxes:a']);
      expect(await ready(make('a-2').open())).toMatchObject({ batches: [] });
      close();
    });

    it('opens no outbox that does not exist, and connects to none that is empty', async () => {
      const { tab, pass, localStorage, leave } = site();
      const { own, drainClosed } = tab();
      await ready(own.open());
      await leave(tab().own, 0);
      const wires: OutboxStore[] = [];
      record(
        drainClosed((outbox) => {
          wires.push(outbox);
          return fakeWire().wire;
        }),
      );
      await pass(5_000);
      expect(wires).toEqual([]);
      expect([...localStorage.items.keys()].filter((key) => key.includes('head'))).toEqual(['rxwire:head:a', 'rxwire:head:a-2']);
    });

    it('finds a tab that was opened and closed between two looks', async () => {
      const { tab, pass, leave } = site();
      const { own, drainClosed } = tab();
      await ready(own.open());
      const { wire, calls, change } = fakeWire();
      const { values } = record(drainClosed(() => wire));
      await pass(5_000);
      await leave(tab().own);
      await pass(2_500);
      change({ status: 'connecting' });
      expect(calls).toEqual([]);
      change({ status: 'connected' });
      expect(calls).toEqual(['complete']);
      change({ status: 'disconnected', isFinal: true });
      expect(values).toEqual([{ name: 'a-2' }]);
      // The wire has ended, and still informs its own subscribers.
      expect(calls).toEqual(['complete']);
    });

    it('leaves an outbox to the tab that has reloaded', async () => {
      const { tab, pass, leave } = site();
      const { own, drainClosed } = tab();
      await ready(own.open());
      await pass(1_000);
      let drains = 0;
      record(
        drainClosed(() => {
          drains++;
          return fakeWire().wire;
        }),
      );
      for (let reload = 0; reload < 5; reload++) {
        await leave(tab().own, 0);
        const reloaded = tab().own;
        await ready(reloaded.open());
        await write(reloaded);
        await pass(700);
        reloaded.close();
        await settle();
        await pass(500);
      }
      expect(drains).toBe(0);
      await pass(2_000);
      expect(drains).toBe(1);
    });

    it('is done by one tab at a time, one outbox after the other', async () => {
      const { tab, pass } = site();
      const tabs = [tab(), tab()];
      for (const { own } of tabs) await ready(own.open());
      const closing = [tab().own, tab().own];
      for (const own of closing) await ready(own.open());
      for (const own of closing) await write(own);
      for (const own of closing) own.close();
      const wires: ReturnType<typeof fakeWire>[] = [];
      const drains = tabs.map(({ drainClosed }) =>
        record(
          drainClosed(() => {
            wires.push(fakeWire());
            return wires.at(-1)!.wire;
          }),
        ),
      );
      await pass(3_000);
      expect(wires).toHaveLength(1);
      // The tab that drains gives up: the other one begins.
      drains[0]!.subscription.unsubscribe();
      expect(wires[0]!.calls).toEqual(['unsubscribe']);
      await pass(3_000);
      expect(wires).toHaveLength(2);
      wires[1]!.change({ status: 'disconnected', isFinal: true });
      await pass(100);
      expect(wires).toHaveLength(3);
      wires[2]!.change({ status: 'disconnected', isFinal: true });
      expect(drains.map(({ values }) => values)).toEqual([[], [{ name: 'a-3' }, { name: 'a-4' }]]);
    });

    it('reports a failed wire, and tries again after a minute', async () => {
      const { tab, pass, held, leave } = site();
      const { own, drainClosed } = tab();
      await ready(own.open());
      await leave(tab().own);
      const wires: ReturnType<typeof fakeWire>[] = [];
      const { values } = record(
        drainClosed(() => {
          wires.push(fakeWire());
          return wires.at(-1)!.wire;
        }),
      );
      await pass(3_000);
      const error = new Error('refused');
      wires[0]!.change({ status: 'error', isFinal: true, error });
      expect(values).toEqual([{ name: 'a-2', error }]);
      await settle();
      expect(held()).not.toContain('rxwire:outboxes:a:2');
      await pass(55_000);
      expect(wires).toHaveLength(1);
      await pass(10_000);
      expect(wires).toHaveLength(2);
    });

    it.each<readonly [string, Partial<OutboxStore>, () => DrainingWire]>([
      [
        'connectWith throws',
        {},
        () => {
          throw new Error('broken');
        },
      ],
      ['the outbox does not open', { open: () => throwError(() => new Error('broken')) }, () => fakeWire().wire],
      ['the outbox does not know whether it exists', { exists: () => throwError(() => new Error('broken')) }, () => fakeWire().wire],
    ])('reports when %s', async (_, broken, connectWith) => {
      const { localStorage, tab, pass, leave } = site((name) => (name === 'a-2' ? broken : {}));
      const { own, drainClosed } = tab();
      await ready(own.open());
      await leave(webStorageOutbox('a-2', { storage: localStorage, locks: false }));
      const { values } = record(drainClosed(connectWith));
      await pass(3_000);
      expect(values).toEqual([{ name: 'a-2', error: new Error('broken') }]);
    });

    it('fails when the browser refuses the locks', async () => {
      const refusal = new DOMException('not here', 'SecurityError');
      const { tab } = site();
      const { drainClosed } = tab({ locks: { request: () => Promise.reject(refusal) } });
      expect(await record(drainClosed(() => fakeWire().wire)).ended).toBe(refusal);
    });
  });

  it('has one outbox without Web Locks', async () => {
    const { tab, made } = site();
    const { own, drainClosed } = tab({ locks: false });
    await ready(own.open());
    expect(made).toEqual(['a']);
    expect(await record(drainClosed(() => fakeWire().wire)).ended).toBe('complete');
  });

  it('refuses a time that is not positive', () => {
    expect(() => site().tab({ drainAfter: 0 })).toThrow(RangeError);
  });
});
