import { defer, EMPTY, expand, filter, merge, mergeMap, type Observable, type SchedulerLike } from 'rxjs';
import { asObservable } from '../../internal/maybeAsync.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import { retryBackoff } from '../../operators/retryBackoff.js';
import type { ChannelBroadcast, ChannelEntry, ChannelLog, ChannelSlice } from './channelLog.js';

/** The position that was reached; undefined until the first read. */
export interface LogCursor {
  position: ChannelPosition | undefined;
}

export interface FollowLogOptions {
  readonly cursor: LogCursor;
  /** The maximum number of messages to read at once. */
  readonly limit: number;
  readonly scheduler: SchedulerLike;
  /** Called each time the log fails. */
  readonly onFailed: (error: unknown) => void;
  /**
   * Called with the last slice each time all messages behind the cursor are read. Not called
   * without a cursor.
   */
  readonly onCaughtUp?: (slice: ChannelSlice) => void;
}

/**
 * Emits the messages of a channel behind the cursor, each stored one once; without a position, from
 * now on. After a failure of the log it subscribes again and reads the missed messages. The
 * subscriber moves the cursor.
 */
export function followLog(
  log: Pick<ChannelLog, 'read' | 'tail'>,
  channel: string,
  options: FollowLogOptions,
): Observable<ChannelEntry | ChannelBroadcast> {
  const { cursor, scheduler, onFailed } = options;
  const tail$ = defer(() => (cursor.position ? catchUp(log, channel, options) : log.tail(channel)));
  return tail$.pipe(
    filter((entry) => entry.offset === undefined || isAfter(entry, cursor.position)),
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

/** Returns whether a position is behind another one, or of another epoch. */
export function isAfter({ epoch, offset }: ChannelPosition, position: ChannelPosition | undefined): boolean {
  return epoch !== position?.epoch || offset > position.offset;
}

/** Returns the position behind the entries of a slice that was read forwards from a position. */
export function reachedBy({ entries, epoch, last, reached = entries.at(-1)?.offset ?? last }: ChannelSlice): ChannelPosition {
  return { epoch, offset: reached };
}

/** Reads the messages behind the cursor, then follows the tail. */
function catchUp(
  log: Pick<ChannelLog, 'read' | 'tail'>,
  channel: string,
  { cursor, limit, onCaughtUp }: FollowLogOptions,
): Observable<ChannelEntry | ChannelBroadcast> {
  return defer(() => {
    let isReading = true;
    /** The latest message of the tail that was left to the next read. */
    let latest: ChannelEntry | undefined;
    const live$ = log.tail(channel).pipe(
      filter((entry) => {
        if (!isReading || entry.offset === undefined) return true;
        latest = entry;
        return false;
      }),
    );
    const read = (after: ChannelPosition | undefined): Observable<ChannelSlice> => asObservable(() => log.read(channel, { after, limit }));
    const slices$ = read(cursor.position).pipe(
      expand((slice) => {
        const reached = reachedBy(slice);
        if (reached.offset < slice.last || (latest && isAfter(latest, reached))) return read(reached);
        isReading = false;
        onCaughtUp?.(slice);
        return EMPTY;
      }),
      mergeMap(({ entries, epoch, last, isComplete }) => {
        // The first entry does not directly follow the previous position.
        if (!isComplete) cursor.position = { epoch, offset: entries[0] ? entries[0].offset - 1 : last };
        return entries;
      }),
    );
    return merge(live$, slices$);
  });
}
