import { defer, EMPTY, expand, map, filter, merge, mergeMap, type Observable, type SchedulerLike } from 'rxjs';
import { asObservable } from '../../internal/maybeAsync.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import { retryBackoff } from '../../operators/retryBackoff.js';
import { step } from '../channels/channelPosition.js';
import type { ChannelBroadcast, ChannelEntry, ChannelLog, ChannelSlice } from './channelLog.js';

/** An entry of a log that is followed. */
export interface SteppedEntry extends ChannelEntry {
  /** The offset that its reader must have reached: that of the previous entry. */
  readonly after: number;
}

export interface FollowLogOptions {
  /** The position that was reached; undefined until the first read. `followLog` moves it. */
  readonly cursor: { position: ChannelPosition | undefined };
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
 * now on. After a failure of the log it subscribes again and reads the missed messages.
 */
export function followLog(
  log: Pick<ChannelLog, 'read' | 'tail'>,
  channel: string,
  options: FollowLogOptions,
): Observable<SteppedEntry | ChannelBroadcast> {
  const { cursor, scheduler, onFailed } = options;
  return defer(() => (cursor.position ? catchUp(log, channel, options) : log.tail(channel))).pipe(
    filter((entry) => entry.offset === undefined || step(cursor.position, entry) !== 'repeat'),
    map((entry) => {
      if (entry.offset === undefined) return entry;
      const { epoch, offset, message } = entry;
      const after = epoch === cursor.position?.epoch ? cursor.position.offset : offset - 1;
      cursor.position = entry;
      // Each reader reads these fields: those of a copy with `...` are twice as slow.
      return { epoch, offset, message, after };
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

/** Returns the first offset of a slice; that of the next message, if the slice is empty. */
export function firstOf({ entries: [entry], last }: ChannelSlice): number {
  return entry ? (entry.first ?? entry.offset) : last + 1;
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
  const slices$ = defer(() => read(cursor.position)).pipe(
    expand((slice) => {
      const reached = reachedBy(slice);
      if (reached.offset < slice.last || (latest && step(reached, latest) !== 'repeat')) return read(reached);
      isReading = false;
      onCaughtUp?.(slice);
      return EMPTY;
    }),
    mergeMap((slice) => {
      // The first entry does not directly follow the previous position.
      if (!slice.isComplete) cursor.position = { epoch: slice.epoch, offset: firstOf(slice) - 1 };
      return slice.entries;
    }),
  );
  return merge(live$, slices$);
}
