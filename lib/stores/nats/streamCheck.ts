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
import { wallTime } from '../../message/steadyScheduler.js';
import { retryBackoff } from '../../operators/retryBackoff.js';
import type { ChannelTail, ChannelTails } from './channelTails.js';
import type { LogContext } from './logContext.js';
import { failed } from './natsContext.js';

/** The time in which a cluster learns of a subscription, and requests share a check, in ms. */
const PROPAGATION_TIME = 500;
/** The number of channels that each check covers, at the same time. */
const CHANNELS_PER_CHECK = 64;
const CONCURRENCY = 32;

/**
 * Core NATS may lose a copy of an entry without a trace. The check finds the entries that did not
 * reach the tails, and the loss of the stream itself.
 */
export function createStreamCheck(log: LogContext, tails: ChannelTails) {
  const { stream, epochs, checkInterval, report, scheduler } = log;
  const looks$ = new Subject<void>();
  const checks$ = new Subject<void>();
  /** The tails that have received all entries, as far as is known. */
  let looked = new WeakSet<ChannelTail>();
  /** `turn` counts the turns of the tails, and `left` those until the stream has new entries. */
  let seen = { leader: '', last: -1, turn: 0, left: 0, marker: NaN, markerSeen: 0 };

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
  const check = async (): Promise<Observable<never>> => {
    const before = tails.epoch();
    const { state, cluster } = await stream.info();
    const streamEpoch = await epochs.verify();
    tails.confirm(streamEpoch.epoch, before);
    const leader = cluster?.leader ?? '';
    // The entries that a new leader has taken over were not copied.
    if (leader !== seen.leader) looked = new WeakSet();
    const now = scheduler.now();
    if (seen.marker !== streamEpoch.marker) seen = { ...seen, marker: streamEpoch.marker, markerSeen: now };
    // While the stream has no new entries, each tail has its turn twice: one that had a copy just
    // before its first turn may have missed the next one.
    const left = state.last_seq === seen.last ? seen.left : 2 * tails.all().length;
    const inTurn = Math.min(CHANNELS_PER_CHECK, left);
    seen = { ...seen, leader, last: state.last_seq, left: left - inTurn };
    // The clock of this system may be behind that of the server.
    const age = Math.max(wallTime(scheduler) - streamEpoch.at, now - seen.markerSeen);
    const isLarge = state.bytes > log.maxTotalBytes / 4 && (state.last_seq - streamEpoch.marker) * 8 > state.messages;
    // The marker must not be removed as one of the oldest messages.
    const refresh$ = age > log.maxAge / 4 || isLarge ? defer(() => epochs.refresh(streamEpoch)) : EMPTY;
    return concat(refresh$.pipe(ignoreElements()), sweep(inTurn));
  };
  const regular$ = timer(0, checkInterval, scheduler).pipe(exhaustMap(() => defer(check).pipe(mergeMap((sweep$) => sweep$))));
  const soon$ = looks$.pipe(
    throttleTime(PROPAGATION_TIME, scheduler, { leading: false, trailing: true }),
    exhaustMap(() => sweep(0)),
  );
  const reconnected = (): void => {
    looked = new WeakSet();
    for (const tail of tails.all()) if (!tail.hasBegun()) tail.fail('the connection was lost before the first read');
  };
  const retrying = retryBackoff({
    initialInterval: 100,
    maxInterval: 1_000,
    jitter: 0.5,
    resetOnSuccess: true,
    scheduler,
    // A closed connection stays closed.
    shouldRetry: () => !log.connection.isClosed(),
    onRetry({ error }) {
      looked = new WeakSet();
      report(failed(error));
    },
  });
  const requested$ = checks$.pipe(throttleTime(PROPAGATION_TIME, scheduler, { leading: true, trailing: true }));
  return {
    /** Requests a check of the epoch and of all channels: copies of entries may be lost. */
    checkAll: (): void => {
      looked = new WeakSet();
      checks$.next();
    },
    /** Requests a check of the channels that were not checked yet. */
    lookSoon: (): void => looks$.next(),
    /** Checks while it has a subscriber. Emits nothing. */
    checks$: merge(log.reconnected$.pipe(tap(reconnected)), requested$).pipe(
      startWith(undefined),
      switchMap(() => merge(regular$, soon$, log.lost$).pipe(retrying)),
      ignoreElements(),
    ),
  };
}
