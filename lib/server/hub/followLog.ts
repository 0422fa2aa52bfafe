import {
  concat,
  defer,
  filter,
  map,
  merge,
  mergeMap,
  noop,
  of,
  Subject,
  type Observable,
  type SchedulerAction,
  type SchedulerLike,
  type Subscription,
} from 'rxjs';
import { asObservable } from '../../message/maybeAsync.js';
import { operate } from '../../operators/subscribing/operate.js';
import { createTrampoline } from '../../operators/subscribing/trampoline.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import { retryBackoff } from '../../operators/retryBackoff.js';
import { isWithin, step, type SteppedEntry } from '../../channels/channelPosition.js';
import { firstOffsetOf, knownSince, PAGE_SIZE, reachedBy } from '../../channels/channelRange.js';
import type { ChannelBroadcast, ChannelEntry, ChannelLog, ChannelQuery, ChannelSlice } from '../../channels/channelLog.js';

export interface FollowLogOptions {
  readonly log: Pick<ChannelLog, 'read' | 'tail'>;
  readonly channel: string;
  /** The position that was reached; undefined until the first read. `followLog` moves it. */
  readonly cursor: { position: ChannelPosition | undefined };
  /** The range without a position; with the limit 0, the tail does not wait. @default none */
  readonly first?: ChannelQuery;
  readonly scheduler: SchedulerLike;
  /** Called each time the log fails. */
  readonly onFailed: (error: unknown) => void;
  /** Called with the last slice each time all messages behind the cursor are read. */
  readonly onCaughtUp?: (slice: ChannelSlice) => void;
}

/** Emits the messages behind the cursor, each stored one once, also after a failure of the log. */
export function followLog(options: FollowLogOptions): Observable<SteppedEntry | ChannelBroadcast> {
  const { log, channel, cursor, first, scheduler, onFailed } = options;
  return defer(() => {
    const query = cursor.position ? { after: cursor.position, limit: PAGE_SIZE } : first;
    return query ? catchUp(query, options) : log.tail(channel);
  }).pipe(
    filter((entry) => entry.offset === undefined || step(cursor.position, entry) !== 'repeat'),
    map((entry) => {
      if (entry.offset === undefined) return entry;
      const { epoch, offset, message, first } = entry;
      const after = epoch === cursor.position?.epoch ? cursor.position.offset : offset - 1;
      cursor.position = entry;
      // Each reader reads these fields: those of a copy with `...` are twice as slow.
      return first === undefined ? { epoch, offset, message, after } : { epoch, offset, message, after, first };
    }),
    retryReads(scheduler, onFailed),
  );
}

/** Returns an operator that tries again when the log fails. */
export function retryReads<T>(scheduler: SchedulerLike, onFailed: (error: unknown) => void): (source: Observable<T>) => Observable<T> {
  return retryBackoff({
    initialInterval: 500,
    maxInterval: 30_000,
    jitter: 0.5,
    resetOnSuccess: true,
    scheduler,
    onRetry: ({ error }) => onFailed(error),
  });
}

/** Returns a scheduler whose timers let the process of a server that has stopped exit. */
export function inBackground(scheduler: SchedulerLike): SchedulerLike {
  return {
    now: () => scheduler.now(),
    schedule<T>(work: (this: SchedulerAction<T>, state?: T) => void, delay?: number, state?: T): Subscription {
      const timer = scheduler.schedule(work, delay, state);
      // RxJS keeps the timer of Node in this field.
      (timer as { readonly id?: { readonly unref?: () => void } }).id?.unref?.();
      return timer;
    },
  };
}

/** Reads pages, the first of them with a query, and then follows the tail. */
function catchUp(query: ChannelQuery, { log, channel, cursor, onCaughtUp }: FollowLogOptions): Observable<ChannelEntry | ChannelBroadcast> {
  let isReading = query.limit > 0;
  /** The latest message of the tail that was left to the next read. */
  let latest: ChannelEntry | undefined;
  /** The removed keys of a keyed channel are known up to this offset. */
  let since: number | undefined;
  const again$ = new Subject<ChannelQuery>();
  const live$ = log.tail(channel).pipe(
    filter((entry) => {
      if (entry.offset === undefined) return true;
      const wasReading = isReading;
      isReading ||= isWithin(cursor.position, entry);
      if (!isReading) return true;
      latest = entry;
      if (!wasReading) again$.next({ after: cursor.position, limit: PAGE_SIZE });
      return false;
    }),
  );
  const nextQuery = (slice: ChannelSlice): ChannelQuery | undefined => {
    const reached = reachedBy(slice);
    since ??= knownSince(query.after, slice);
    const isBehind = reached.offset < slice.last || (latest && step(reached, latest) !== 'repeat');
    if (isReading && isBehind) return { after: reached, limit: PAGE_SIZE, since };
    isReading = false;
    onCaughtUp?.(slice);
    return undefined;
  };
  const readPages = operate<ChannelQuery, ChannelSlice>((subscriber) => {
    // Without it, pages of a log that answers synchronously would be nested in each other.
    const pages = createTrampoline();
    const error = (reason: unknown): void => subscriber.error(reason);
    const next = (slice: ChannelSlice): void => {
      subscriber.next(slice);
      const following = subscriber.closed ? undefined : nextQuery(slice);
      if (following) read(following);
    };
    const read = (page: ChannelQuery): void =>
      pages.run(() => subscriber.add(asObservable(() => log.read(channel, page)).subscribe({ next, error })));
    return { next: read, error, complete: noop };
  });
  const entries$ = concat(of(query), again$).pipe(
    readPages,
    mergeMap((slice) => {
      // The first entry does not directly follow the previous position.
      if (isReading && !slice.isComplete) cursor.position = undefined;
      cursor.position ??= { epoch: slice.epoch, offset: firstOffsetOf(slice) - 1 };
      return slice.entries;
    }),
  );
  return merge(live$, entries$);
}
