import {
  concat,
  defer,
  EMPTY,
  exhaustMap,
  from,
  ignoreElements,
  merge,
  mergeMap,
  startWith,
  Subject,
  switchMap,
  tap,
  throttleTime,
  timer,
  type Observable,
} from 'rxjs';
import { wallTime } from '../internal/steadyScheduler.js';
import { retryBackoff } from '../operators/retryBackoff.js';
import type { ChannelTail } from './channelTail.js';
import type { ChannelTails } from './channelTails.js';
import type { LogContext } from './logContext.js';
import { failed } from './natsFaults.js';
import type { StreamEpoch } from './streamEpochs.js';

/**
 * The time in which a cluster learns of a new subscription, and within which requests share a
 * check, in ms.
 */
const SETTLING = 500;
/** The number of channels that each check covers, at the same time. */
const IN_TURN = 64;
const CONCURRENCY = 32;

/**
 * Core NATS may lose a copy of an entry without a trace. The check finds the entries that did not
 * reach the tails, and the loss of the stream itself.
 */
export function createStreamCheck(log: LogContext, tails: ChannelTails) {
  const { stream, epochs, connection, checkInterval, report, scheduler, reconnected$, lost$ } = log;
  const looks$ = new Subject<void>();
  const checks$ = new Subject<void>();
  /** The tails that have received all entries, as far as is known. */
  let looked = new WeakSet<ChannelTail>();
  let seen = { leader: '', last: -1, turn: 0, left: 0, marker: NaN, markerSeen: 0 };

  /**
   * Asks for a check of the epoch, and for a look at all channels: copies of entries may be lost.
   */
  const suspect = (): void => {
    looked = new WeakSet();
    checks$.next();
  };
  const look = async (tail: ChannelTail): Promise<void> => {
    const current = looked;
    try {
      await tail.look();
      current.add(tail);
    } catch (error) {
      report(failed(error));
    }
  };
  /** Looks at the tails that are due, and at some of the others in turn. */
  const sweep = (inTurn: number): Observable<never> => {
    const all = tails.all();
    const due = new Set(all.filter((tail) => !looked.has(tail)));
    for (let count = 0; count < inTurn; count++) {
      const tail = all[seen.turn++ % all.length];
      // A copy shows that those in front of it have arrived.
      if (tail?.wasIdle()) due.add(tail);
    }
    return from(due).pipe(mergeMap(look, CONCURRENCY), ignoreElements());
  };
  const read = async () => {
    const isOther = tails.epoch.check();
    const { state, cluster } = await stream.info();
    return { isOther, state, cluster, streamEpoch: await epochs.verify() };
  };
  /** Uses what was read, unless a later check has begun. */
  const apply = ({ isOther, state, cluster, streamEpoch }: Awaited<ReturnType<typeof read>>): Observable<never> => {
    if (isOther(streamEpoch.epoch)) tails.fail('another epoch has begun');
    const leader = cluster?.leader ?? '';
    // The entries that a new leader has taken over were not copied.
    if (leader !== seen.leader) looked = new WeakSet();
    const now = scheduler.now();
    if (seen.marker !== streamEpoch.marker) seen = { ...seen, marker: streamEpoch.marker, markerSeen: now };
    // While the stream has no new entries, each tail has its turn twice: one that had a copy just
    // before its first turn may have missed the next one.
    const left = state.last_seq === seen.last ? seen.left : 2 * tails.all().length;
    const inTurn = Math.min(IN_TURN, left);
    seen = { ...seen, leader, last: state.last_seq, left: left - inTurn };
    const refresh$ = isOld(streamEpoch, state, now - seen.markerSeen, log) ? defer(() => epochs.refresh(streamEpoch)) : EMPTY;
    return concat(refresh$.pipe(ignoreElements()), sweep(inTurn));
  };
  const regular$ = timer(0, checkInterval, scheduler).pipe(exhaustMap(() => defer(read).pipe(mergeMap(apply))));
  const soon$ = looks$.pipe(
    throttleTime(SETTLING, scheduler, { leading: false, trailing: true }),
    exhaustMap(() => sweep(0)),
  );
  const afterReconnect$ = reconnected$.pipe(
    tap(() => {
      looked = new WeakSet();
      for (const tail of tails.all()) if (!tail.hasBegun()) tail.fail('the connection was lost before the first read');
    }),
  );
  const retrying = retryBackoff({
    initialInterval: 100,
    maxInterval: 1_000,
    jitter: 0.5,
    resetOnSuccess: true,
    scheduler,
    // A closed connection stays closed.
    shouldRetry: () => !connection.isClosed(),
    onRetry({ error }) {
      looked = new WeakSet();
      report(failed(error));
    },
  });
  const requested$ = checks$.pipe(throttleTime(SETTLING, scheduler, { leading: true, trailing: true }));
  return {
    suspect,
    /** Requests a check of the channels that were not checked yet. */
    lookSoon: (): void => looks$.next(),
    /** Checks while it has a subscriber. Emits nothing. */
    checks$: merge(afterReconnect$, requested$).pipe(
      startWith(undefined),
      switchMap(() => merge(regular$, soon$, lost$).pipe(retrying)),
      ignoreElements(),
    ),
  };
}

/**
 * Returns whether the marker of the epoch must be written again, before it is removed as one of the
 * oldest messages.
 */
function isOld(
  { marker, at }: StreamEpoch,
  { last_seq, messages, bytes }: { readonly last_seq: number; readonly messages: number; readonly bytes: number },
  known: number,
  { scheduler, maxAge, maxTotalBytes }: LogContext,
): boolean {
  // The clock of this system may be behind that of the server.
  const age = Math.max(wallTime(scheduler) - at, known);
  return age > maxAge / 4 || (bytes > maxTotalBytes / 4 && (last_seq - marker) * 8 > messages);
}
