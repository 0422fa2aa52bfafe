import { Subject } from 'rxjs';
import { StoreError, type StoreFault } from '../../errors.js';
import { chain, converted, type MaybeAsync } from '../../internal/maybeAsync.js';
import { parseMessage } from '../../message/parseMessage.js';
import { delivered } from '../../session/store/delivered.js';
import { HEAD_ONLY, type Store } from '../../session/store/store.js';
import type { QueuedMessage, QueueLog } from './queueStore.js';

interface StoredQueueOptions {
  readonly name: string;
  readonly log: string;
  /** Opens the store. The queue closes it. */
  readonly openStore: () => Store;
}

/**
 * The log of a queue in a store. Its head has the epoch of the owner, and its entries are the
 * unfinished messages by place. The latest owner fences the others.
 */
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
  return { faults$, close, open: () => delivered(open), write: (added, removed) => delivered(() => write(added, removed)) };
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
