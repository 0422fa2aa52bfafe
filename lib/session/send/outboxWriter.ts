import { noop, type Subscription } from 'rxjs';
import type { RxwireError, StoreError } from '../../errors.js';
import { attempt, chain, type MaybeAsync } from '../../internal/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { Encode } from '../encoding.js';
import type { SerialTask, Wait } from '../serialTask.js';
import type { Report } from '../sessionEvents.js';
import type { OutboxStore } from '../store/outboxStore.js';
import { lastOf, numbered, type Batch, type InFlight } from './inFlight.js';
import type { PendingMessages } from './pendingMessages.js';

/** Encodes numbered messages. */
export type MakeBatches = () => MaybeAsync<readonly Batch[]>;

export interface OutboxWriterOptions {
  readonly store: OutboxStore;
  readonly pending: PendingMessages;
  readonly encode: Encode;
  readonly inFlight: InFlight;
  readonly report: Report;
  readonly wait: Wait;
  /** Ends with the session. */
  readonly life: Subscription;
  /** Ends the session with an error. */
  readonly fail: (error: unknown) => void;
}

/** Writes batches to a store. Messages that cannot be stored are given up. */
export interface OutboxWriter {
  /** Returns the batches that are stored. One call at a time of this and `replace`. */
  append(make: MakeBatches): MaybeAsync<readonly Batch[]>;
  /** Replaces all other batches. */
  replace(acked: number, others: readonly Batch[], make: MakeBatches): MaybeAsync<readonly Batch[]>;
  /** Removes the batches up to `acked`. */
  trim(acked: number): void;
  /** To be called after each write: stores once more what the store has lost meanwhile. */
  readonly repair: () => void;
  /** Returns the ids of the messages that the next owner of the store will find. */
  storedIds(): ReadonlySet<string>;
}

export function createOutboxWriter(options: OutboxWriterOptions, serial: SerialTask): OutboxWriter {
  const { store, inFlight, pending, report, wait } = options;
  /** The batches that are being written, or that are still stored while they are encoded anew: the writer does not know which of them will be stored. */
  let writing: readonly Batch[] = [];
  const marks = createMarks(options);

  const giveUp = (error: unknown): readonly Batch[] => {
    for (const { messages } of writing) for (const { id } of messages) pending.close(id, 'dead', { error: error as RxwireError });
    return [];
  };
  const written = (batches: readonly Batch[]): readonly Batch[] => {
    writing = [];
    return batches;
  };
  const run = (make: MakeBatches, write: (batches: readonly Batch[]) => MaybeAsync<readonly Batch[]>): MaybeAsync<readonly Batch[]> =>
    attempt(
      () =>
        chain(make(), (batches) => {
          writing = batches;
          return write(batches);
        }),
      written,
      (error) => written(giveUp(error)),
    );
  return {
    append: (make) => run(make, (batches) => chain(marks.lower(), () => append(batches, options))),
    replace(acked, others, make) {
      writing = others;
      return run(make, (batches) =>
        chain(store.replace(acked, batches, acked), () => {
          marks.set(acked);
          return batches;
        }),
      );
    },
    trim: (acked) =>
      wait(
        () => store.trim(acked),
        noop,
        (error) => report({ kind: 'error', error }),
      ),
    repair: watchFaults(options, marks, serial),
    storedIds: () =>
      new Set(store.isDurable ? [...inFlight.all(), ...writing].flatMap(({ messages }) => messages.map(({ id }) => id)) : []),
  };
}

/** Keeps the mark of the store: the highest number that may have been sent. */
interface Marks {
  /** Records that the store has this mark. */
  readonly set: (sent: number) => void;
  /** Returns the mark that the store has when all calls until now have taken effect. */
  readonly latest: () => number;
  /** Lowers the mark to what was sent, while there is no connection: what is stored from now on was never sent. */
  readonly lower: () => MaybeAsync<void>;
}

/** Stores the mark before a message with a higher number is sent, and a window ahead. */
function createMarks({ store, inFlight, wait, fail }: OutboxWriterOptions): Marks {
  /** The mark that is being stored; a later call replaces it. */
  let next: { readonly sent: number } | undefined;

  const set = (sent: number): void => {
    next = undefined;
    inFlight.marked = sent;
  };
  inFlight.onUnmarked = (number) => {
    if (next) return;
    const mine = (next = { sent: number + Math.max(0, inFlight.limit - inFlight.acked) });
    const marked = (): void => {
      if (mine === next) set(mine.sent);
      inFlight.flush();
    };
    // After a crash, messages that were sent without a mark would count as never sent.
    wait(() => store.mark(mine.sent), marked, fail);
  };
  return {
    set,
    latest: () => next?.sent ?? inFlight.marked,
    lower() {
      if (inFlight.isAttached || inFlight.marked <= inFlight.sent || !store.isDurable) return;
      set(inFlight.sent);
      return store.mark(inFlight.sent);
    },
  };
}

/**
 * Stores batches, and returns those that are stored. If all of them do not fit, it stores those that do: one large message must not affect
 * the others.
 */
function append(batches: readonly Batch[], options: OutboxWriterOptions): MaybeAsync<readonly Batch[]> {
  const [one] = batches;
  if (!one) return [];
  const refused = (reason: unknown): MaybeAsync<readonly Batch[]> => {
    const error = reason as StoreError;
    const messages = batches.flatMap((batch) => batch.messages);
    const middle = messages.length >> 1;
    if (error.fault === 'quota' && middle > 0) return appendHalves([messages.slice(0, middle), messages.slice(middle)], one, options);
    for (const { id } of messages) options.pending.close(id, 'dead', { error });
    return [];
  };
  return attempt(
    () => options.store.append(batches),
    () => batches,
    refused,
  );
}

/** Stores two halves of a batch, one after the other. They are encoded anew, as a body belongs to its numbers. */
function appendHalves(
  [left, right]: readonly [readonly Message[], readonly Message[]],
  { first, delivery }: Batch,
  options: OutboxWriterOptions,
): MaybeAsync<readonly Batch[]> {
  const half = (messages: readonly Message[], next: number): MaybeAsync<readonly Batch[]> =>
    chain(options.encode(messages, next), (encoded) => append(numbered(encoded, next, delivery), options));
  return chain(half(left, first), (stored) =>
    chain(half(right, Math.max(first, ...stored.map((batch) => lastOf(batch) + 1))), (others) => [...stored, ...others]),
  );
}

/** Handles the faults that a store reports by itself. Returns a function to be called after each write: it stores once more what was lost during that write. */
function watchFaults({ store, inFlight, fail, life, report }: OutboxWriterOptions, marks: Marks, serial: SerialTask): () => void {
  let isLost = false;
  const storeAgain = (): void => {
    isLost = serial.isBusy;
    // All batches are in memory, too: when this write fails as well, only a crash would lose them.
    if (!isLost) serial.run(() => store.replace(inFlight.acked, inFlight.all(), marks.latest()), noop);
  };
  const faults = store.faults$?.subscribe((error) => {
    if (error.fault === 'fenced') {
      fail(error);
      return;
    }
    report({ kind: 'error', error });
    if (error.fault === 'evicted') storeAgain();
  });
  life.add(faults);
  return () => {
    if (isLost) storeAgain();
  };
}
