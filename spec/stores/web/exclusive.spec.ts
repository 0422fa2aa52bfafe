import { NEVER, of, Subject, throwError, type Observable } from 'rxjs';
import { EMPTY_OUTBOX } from '../../../lib/core/storedOutgoing.js';
import { StoreError } from '../../../lib/message/errors.js';
import { exclusive } from '../../../lib/stores/web/exclusive.js';
import { memoryOutbox } from '../../../lib/stores/memoryOutbox.js';
import type { OpenedOutbox, OutboxStore } from '../../../lib/stores/outboxStore.js';
import { batch, commonCases, faultsOf, ready } from '../../support/outboxCases.js';
import { outboxContract } from '../../support/outboxContract.js';
import { fakeLocks } from '../../support/fakeLocks.js';
import { record } from '../../support/record.js';

/** Asks for it, and does not wait. */
const ask = (store: OutboxStore) => record(store.open() as Observable<OpenedOutbox>);

/** Until all that was asked for is granted. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('exclusive', () => {
  outboxContract(() => {
    const { locks } = fakeLocks();
    return { store: () => exclusive(memoryOutbox(), 'a', { locks }) };
  }, commonCases);

  it('opens once it has the lock, and holds it until it is closed', async () => {
    const { locks, names, queue } = fakeLocks();
    const [first, second] = [exclusive(memoryOutbox(), 'a', { locks }), exclusive(memoryOutbox(), 'a', { locks })];
    expect(await ready(first.open())).toMatchObject({ epoch: 1 });
    const waiting = ask(second);
    await settle();
    expect([waiting.values, queue()]).toEqual([[], { held: true, pending: 1 }]);
    first.close();
    await waiting.take(1);
    expect(queue()).toEqual({ held: true, pending: 0 });
    second.close();
    await settle();
    expect(queue()).toEqual({ held: false, pending: 0 });
    expect(names).toEqual(['rxwire:a', 'rxwire:a']);
  });

  it('does not open its store before it has the lock', async () => {
    const { locks } = fakeLocks();
    await ready(exclusive(memoryOutbox(), 'a', { locks }).open());
    let opened = 0;
    const store: OutboxStore = { ...memoryOutbox(), open: () => of({ ...EMPTY_OUTBOX, pid: 'p', epoch: ++opened, batches: [] }) };
    ask(exclusive(store, 'a', { locks }));
    await settle();
    expect(opened).toBe(0);
  });

  it('waits no longer when it is closed, or left', async () => {
    const { locks, queue } = fakeLocks();
    await ready(exclusive(memoryOutbox(), 'a', { locks }).open());
    const [closed, left] = [exclusive(memoryOutbox(), 'a', { locks }), exclusive(memoryOutbox(), 'a', { locks })];
    ask(closed);
    const { subscription } = ask(left);
    expect(queue().pending).toBe(2);
    closed.close();
    subscription.unsubscribe();
    await settle();
    expect(queue()).toEqual({ held: true, pending: 0 });
  });

  it('reports that it waits, while another store holds the lock', async () => {
    const { locks } = fakeLocks();
    const [first, second, left] = [1, 2, 3].map(() => exclusive(memoryOutbox(), 'a', { locks }));
    expect(second!.isWaiting!()).toBe(false);
    await ready(first!.open());
    ask(second!);
    const { subscription } = ask(left!);
    await settle();
    expect([first!.isWaiting!(), second!.isWaiting!(), left!.isWaiting!()]).toEqual([false, true, true]);
    subscription.unsubscribe();
    first!.close();
    await settle();
    expect([second!.isWaiting!(), left!.isWaiting!()]).toEqual([false, false]);
  });

  it('lets go of the lock when its store does not open', async () => {
    const { locks, queue } = fakeLocks();
    const failure = new StoreError('lmdb', 'failed');
    const store = exclusive({ ...memoryOutbox(), open: () => throwError(() => failure) }, 'a', { locks });
    await expect(ready(store.open())).rejects.toBe(failure);
    await settle();
    expect(queue()).toEqual({ held: false, pending: 0 });
  });

  it('passes on how its store fails', async () => {
    const { locks } = fakeLocks();
    const failure = new DOMException('Of its own.', 'AbortError');
    const store = exclusive({ ...memoryOutbox(), open: () => throwError(() => failure) }, 'a', { locks });
    await expect(ready(store.open())).rejects.toBe(failure);
  });

  it('lets go of the lock when it is left before its store has opened', async () => {
    const { locks, queue } = fakeLocks();
    const { subscription } = ask(exclusive({ ...memoryOutbox(), open: () => NEVER }, 'a', { locks }));
    expect(queue().held).toBe(true);
    subscription.unsubscribe();
    await settle();
    expect(queue()).toEqual({ held: false, pending: 0 });
  });

  it('can be opened again, and blocks no other tab', async () => {
    const { locks, queue } = fakeLocks();
    const store = exclusive(memoryOutbox(), 'a', { locks });
    await ready(store.open());
    await ready(store.open());
    await settle();
    expect(queue()).toEqual({ held: true, pending: 0 });
  });

  it('reports a stolen lock, and the faults of its store', async () => {
    const { locks, queue } = fakeLocks();
    const faults$ = new Subject<StoreError>();
    const store = exclusive({ ...memoryOutbox(), faults$ }, 'a', { locks });
    const told = faultsOf(store);
    await ready(store.open());
    faults$.next(new StoreError('lmdb', 'corrupt'));
    await ready(exclusive(memoryOutbox(), 'a', { locks, steal: true }).open());
    await settle();
    expect(told).toEqual(['corrupt', 'fenced']);
    store.close();
    await settle();
    expect(queue()).toEqual({ held: true, pending: 0 });
  });

  it('fails to open when locks are refused', async () => {
    const refusal = new DOMException('Not here.', 'SecurityError');
    const store = exclusive(memoryOutbox(), 'a', { locks: { request: () => Promise.reject(refusal) } });
    const error = await ready(store.open()).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ store: 'web-locks', fault: 'failed', cause: refusal });
  });

  it('passes everything on', async () => {
    const calls: unknown[] = [];
    const note =
      (name: string) =>
      (...args: unknown[]): void =>
        void calls.push([name, ...args]);
    const inner = { ...memoryOutbox(), write: note('write'), close: note('close'), maxMessages: 2, maxBytes: 3, isDurable: true };
    const { locks } = fakeLocks();
    const store = exclusive(inner, 'a', { locks });
    const change = { head: EMPTY_OUTBOX, batches: [batch(1)], replaces: false };
    await ready(store.write(change));
    store.close();
    expect(calls).toEqual([['write', change], ['close']]);
    expect(store).toMatchObject({ isDurable: true, maxMessages: 2, maxBytes: 3 });
  });

  describe('by default', () => {
    const found = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
    const provide = (navigator: unknown): void => {
      Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
    };
    afterEach(() => {
      if (found) Object.defineProperty(globalThis, 'navigator', found);
      else Reflect.deleteProperty(globalThis, 'navigator');
    });

    it('uses the locks of the browser', async () => {
      const { locks, names } = fakeLocks();
      provide({ locks });
      await ready(exclusive(memoryOutbox(), 'a').open());
      expect(names).toEqual(['rxwire:a']);
    });

    it.each([{}, undefined])('is the store itself where there are none: %j', (navigator) => {
      provide(navigator);
      const store = memoryOutbox();
      expect(exclusive(store, 'a')).toBe(store);
    });

    it('is the store itself where none are wanted', () => {
      provide(fakeLocks());
      const store = memoryOutbox();
      expect(exclusive(store, 'a', { locks: false })).toBe(store);
    });
  });
});
