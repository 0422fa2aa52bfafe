import { noop, type Subscription } from 'rxjs';
import { StoreError } from '../../errors.js';
import { attempt, chain, type MaybeAsync } from '../../internal/maybeAsync.js';
import type { Message } from '../../message/types.js';
import type { Encode } from '../encoding.js';
import type { SerialTask, Wait } from '../serialTask.js';
import type { Report } from '../sessionEvents.js';
import type { OutboxCalls } from '../store/outboxCalls.js';
import { storeErrorOf } from '../store/storeErrorOf.js';
import type { LimitedTarget } from './encodingTarget.js';
import { createHeadFailures, type HeadFailures } from './headFailures.js';
import { lastOf, numbered, type Batch, type InFlight, type MakeBatches } from './inFlight.js';
import { createRefit } from './outboxRefit.js';
import type { PendingMessages } from './pendingMessages.js';

export interface OutboxWriterOptions {
  readonly store: OutboxCalls;
  readonly pending: PendingMessages;
  readonly encode: Encode;
  readonly target: LimitedTarget;
  readonly inFlight: InFlight;
  readonly report: Report;
  readonly wait: Wait;
  /** Ends with the session. */
  readonly life: Subscription;
  /** Ends the session with an error. */
  readonly fail: (error: unknown) => void;
}

/**
 * Writes batches to a store. Messages for which there is no room are given up. Any other failure of
 * the store ends the session.
 */
export interface OutboxWriter {
  /** Returns the batches that are stored. One call at a time of this and `replace`. */
  append(make: MakeBatches): MaybeAsync<readonly Batch[]>;
  /** Replaces all other batches. */
  replace(acked: number, others: readonly Batch[], make: MakeBatches): MaybeAsync<readonly Batch[]>;
  /** Removes the batches up to `acked`. */
  trim(acked: number): void;
  /** Must be called after each write. Stores the records again that the store has lost. */
  afterWrite(): void;
  /**
   * Calls back when no write is in progress: only then, the outcomes of all messages are known. A
   * later call replaces the earlier one.
   */
  readonly whenWritten: (then: () => void) => void;
  /**
   * Returns a task that stores batches within the limits of the other side, which has accepted all
   * numbers up to `rx`. The numbers stay. Returns undefined if all batches are within the limits.
   */
  readonly refit: (rx: number) => MakeBatches | undefined;
  /**
   * Takes the error of a connection that the other side has closed because of a frame. Returns
   * whether to connect again.
   */
  readonly blame: HeadFailures['blame'];
  /** Returns whether each message of a batch must have a frame of its own. */
  readonly mustSplit: HeadFailures['mustSplit'];
  /** Returns the ids of the messages that the next owner of the store will find. */
  storedIds(): ReadonlySet<string>;
}

export function createOutboxWriter(options: OutboxWriterOptions, serial: SerialTask): OutboxWriter {
  const { store, inFlight, pending, report, wait } = options;
  /**
   * The batches that are being written, or that are still stored while they are encoded anew: the
   * writer does not know which of them will be stored.
   */
  let writing: readonly Batch[] = [];
  let onWritten: (() => void) | undefined;
  const whenWritten = (then: () => void): void => {
    onWritten = then;
    if (!serial.isBusy) then();
  };
  const patient: OutboxWriterOptions = { ...options, fail: (error) => whenWritten(() => options.fail(error)) };
  const marks = createMarks(patient);
  const headFailures = createHeadFailures(options);
  const refit = createRefit(options, headFailures.mustSplit);

  /** @param kept The batches that the store keeps, although the write has failed. */
  const giveUp = (error: unknown, made: readonly Batch[], kept: readonly Batch[]): readonly Batch[] => {
    // The messages that the store keeps are for its next owner: they have no outcome yet.
    if (!isQuota(error) || kept.length > 0) {
      writing = kept;
      options.fail(storeErrorOf('outbox', error));
      return [];
    }
    for (const { messages } of made) for (const { id } of messages) pending.close(id, 'dead', { error });
    return [];
  };
  const written = (batches: readonly Batch[]): readonly Batch[] => {
    writing = [];
    return batches;
  };
  const repair = watchFaults(patient, marks, serial);
  const run = (
    make: MakeBatches,
    write: (batches: readonly Batch[]) => MaybeAsync<readonly Batch[]>,
    kept: readonly Batch[],
  ): MaybeAsync<readonly Batch[]> => {
    let made: readonly Batch[] = [];
    return attempt(
      () => chain(make(), (batches) => write((made = batches))),
      written,
      (error) => written(giveUp(error, made, kept)),
    );
  };
  return {
    append(make) {
      const stored: Batch[] = [];
      const write = (batches: readonly Batch[]): MaybeAsync<readonly Batch[]> => {
        writing = batches;
        return append(batches, { ...options, stored });
      };
      return run(make, (batches) => chain(marks.lower(), () => write(batches)), stored);
    },
    replace(acked, others, make) {
      writing = others;
      const write = (batches: readonly Batch[]): MaybeAsync<readonly Batch[]> => {
        writing = batches;
        return chain(store.replace(acked, batches, acked), () => {
          marks.set(acked);
          return batches;
        });
      };
      return run(make, write, others);
    },
    trim: (acked) =>
      wait(
        () => store.trim(acked),
        noop,
        (error) => report({ kind: 'error', error: storeErrorOf('outbox', error) }),
      ),
    afterWrite() {
      if (onWritten) onWritten();
      else repair();
    },
    whenWritten,
    refit(rx) {
      const make = refit(rx);
      return make && (() => chain(make(), (batches) => keepRefitted(batches, options, marks)));
    },
    blame: headFailures.blame,
    mustSplit: headFailures.mustSplit,
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
  /**
   * Lowers the mark to what was sent, while there is no connection: what is stored from now on was
   * never sent.
   */
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
    wait(
      () => store.mark(mine.sent),
      marked,
      (error) => fail(storeErrorOf('outbox', error)),
    );
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

/** Stores batches that carry the same numbers as those that are stored, and returns them. */
function keepRefitted(
  batches: readonly Batch[],
  { store, inFlight, report }: OutboxWriterOptions,
  marks: Marks,
): MaybeAsync<readonly Batch[]> {
  return attempt(
    () => store.replace(inFlight.acked, batches, marks.latest()),
    () => batches,
    (error) => {
      // The store still holds the same messages under the same numbers: its next owner limits them
      // again.
      report({ kind: 'error', error: storeErrorOf('outbox', error) });
      return batches;
    },
  );
}

interface AppendOptions extends OutboxWriterOptions {
  /** Collects the batches that are stored. */
  readonly stored: Batch[];
}

/**
 * Stores batches, and returns those that are stored. If all of them do not fit, it stores those
 * that do: one large message must not affect the others.
 */
function append(batches: readonly Batch[], options: AppendOptions): MaybeAsync<readonly Batch[]> {
  const [one] = batches;
  if (!one) return [];
  const refused = (reason: unknown): MaybeAsync<readonly Batch[]> => {
    if (!isQuota(reason)) throw reason;
    const messages = batches.flatMap((batch) => batch.messages);
    const middle = messages.length >> 1;
    if (middle > 0) return appendHalves([messages.slice(0, middle), messages.slice(middle)], one, options);
    for (const { id } of messages) options.pending.close(id, 'dead', { error: reason });
    return [];
  };
  return attempt(
    () => options.store.append(batches),
    () => {
      options.stored.push(...batches);
      noteStored(batches, options);
      return batches;
    },
    refused,
  );
}

function isQuota(error: unknown): error is StoreError {
  return error instanceof StoreError && error.fault === 'quota';
}

function noteStored(batches: readonly Batch[], { store, pending }: OutboxWriterOptions): void {
  if (!store.isDurable || !pending.isWatched()) return;
  for (const { messages } of batches) for (const { id } of messages) if (pending.byId.has(id)) pending.note(id, 'stored');
}

/**
 * Stores two halves of a batch, one after the other. They are encoded anew, as a body belongs to
 * its numbers.
 */
function appendHalves(
  [left, right]: readonly [readonly Message[], readonly Message[]],
  { first, delivery }: Batch,
  options: AppendOptions,
): MaybeAsync<readonly Batch[]> {
  const half = (messages: readonly Message[], next: number): MaybeAsync<readonly Batch[]> =>
    chain(options.encode(messages, next), (encoded) => append(numbered(encoded, delivery), options));
  return chain(half(left, first), (stored) =>
    chain(half(right, Math.max(first, ...stored.map((batch) => lastOf(batch) + 1))), (others) => [...stored, ...others]),
  );
}

/**
 * Handles the faults that a store reports by itself. Returns a function to be called after each
 * write: it stores once more what was lost during that write.
 */
function watchFaults({ store, inFlight, fail, life, report }: OutboxWriterOptions, marks: Marks, serial: SerialTask): () => void {
  let isLost = false;
  const storeAgain = (): void => {
    isLost = serial.isBusy;
    // All batches are in memory, too: when this write fails as well, only a crash would lose them.
    if (!isLost) serial.run(() => store.replace(inFlight.acked, inFlight.all(), marks.latest()), noop);
  };
  const faults = store.faults$?.subscribe({
    next(error) {
      if (error.fault === 'fenced') {
        fail(error);
        return;
      }
      report({ kind: 'error', error });
      if (error.fault === 'evicted') storeAgain();
    },
    error: (error: unknown) => fail(storeErrorOf('outbox', error)),
  });
  life.add(faults);
  return () => {
    if (isLost) storeAgain();
  };
}
