import { type Observable, Subject } from 'rxjs';
import { StoreError, type StoreFault } from '../../message/errors.js';
import { asObservable, chain, converted, delivered, type MaybeAsync } from '../../message/maybeAsync.js';
import { parseMessage } from '../../message/parseMessage.js';
import type { Message } from '../../message/types.js';
import { HEAD_ONLY, type Store } from '../../stores/store.js';

/** A stored message that waits in a queue or is being processed. */
export interface QueuedMessage {
  /** The position in the queue. Later messages have higher ones. */
  readonly place: number;
  readonly message: Message;
  /** The time at which the message was added, in ms since the epoch. */
  readonly since: number;
}

/** The stored state of one queue. Results are synchronous, or cold Observables. */
export interface QueueLog {
  /**
   * Becomes the owner and returns the unfinished messages in order of their places. Unreadable
   * records are skipped and reported in `faults$`.
   */
  open(): MaybeAsync<readonly QueuedMessage[]>;
  /**
   * Adds and removes messages in one transaction; the result is available when it is durable. Calls
   * do not overlap.
   *
   * @param removed Places; some of them may not be stored.
   * @throws {StoreError} Delivered, and nothing is stored: `quota` if there is no space, `fenced`
   *   if there is a newer owner.
   */
  write(added: readonly QueuedMessage[], removed: readonly number[]): MaybeAsync<void>;
  /** Releases the queue. A running write may still finish. */
  close(): void;
  /** Reports faults that no call causes: unreadable records, an evicted database, a newer owner. */
  readonly faults$?: Observable<StoreError>;
}

/** Stores queues beyond the end of the process. */
export interface QueueStore {
  /** Returns the stored state of the queue with this name. */
  queue(name: string): QueueLog;
}

interface StoredQueueOptions {
  readonly name: string;
  readonly log: string;
  readonly openStore: () => Store;
}

/** The log of a queue: its head has the epoch of the owner, its entries are unfinished messages. */
export function storedQueueLog({ name, log, openStore }: StoredQueueOptions): Required<QueueLog> {
  const faults$ = new Subject<StoreError>();
  let store: Store | undefined;
  let epoch = 0;

  const report = (fault: StoreFault): void => faults$.next(new StoreError(name, fault));
  const close = (): void => {
    store?.release?.(faults$);
    store?.close();
    store = undefined;
  };
  const open = (): MaybeAsync<readonly QueuedMessage[]> => {
    close();
    store = openStore();
    store.use?.(faults$, log);
    const taken = store.transact(log, (transaction) =>
      chain(transaction.read(log), ({ head, entries }) => {
        const next = epochOf(head) + 1;
        const read = entries.map(({ key, value }) => readQueuedMessage(key, value));
        const drop = entries.filter((_, index) => !read[index]).map(({ key }) => [key, key] as const);
        const found = { next, messages: read.flatMap((message) => message ?? []), corrupt: drop.length };
        return chain(transaction.change(log, { head: { epoch: next }, drop }), () => found);
      }),
    );
    return converted(taken, ({ next, messages, corrupt }) => {
      epoch = next;
      for (let reported = 0; reported < corrupt; reported++) report('corrupt');
      return messages;
    });
  };
  const write: QueueLog['write'] = (added, removed) => {
    if (!store) throw new StoreError(name, 'failed', new Error('the queue is not open'));
    const mine = epoch;
    const put = added.map(({ place, message, since }) => ({ key: place, value: { message, since } }));
    const drop = removed.map((place) => [place, place] as const);
    const written = store.transact(log, (transaction) =>
      chain(transaction.read(log, HEAD_ONLY), ({ head }) => {
        const before = epochOf(head);
        if (before > mine) throw new StoreError(name, 'fenced');
        return chain(transaction.change(log, { head: { epoch: mine }, put, drop }), () => before < mine);
      }),
    );
    return converted(written, (isEvicted) => {
      if (isEvicted) report('evicted');
    });
  };
  return { faults$, close, open: () => asObservable(open), write: (added, removed) => delivered(() => write(added, removed)) };
}

function epochOf(head: unknown): number {
  const { epoch } = Object(head) as { readonly epoch?: unknown };
  return typeof epoch === 'number' ? epoch : 0;
}

function readQueuedMessage(place: number, found: unknown): QueuedMessage | undefined {
  const { message, since } = Object(found) as Partial<Record<keyof QueuedMessage, unknown>>;
  if (typeof since !== 'number') return undefined;
  try {
    return { place, since, message: parseMessage(message) };
  } catch {
    return undefined;
  }
}
