import { defer, filter, merge, mergeMap, tap, type Observable, type SchedulerLike } from 'rxjs';
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
  /** The maximum number of missed messages to read. */
  readonly limit: number;
  readonly scheduler: SchedulerLike;
  /** Called each time the log fails. */
  readonly onFailed: (error: unknown) => void;
}

/** Emits the messages of a channel from now on, each stored one once. After a failure of the log it subscribes again and reads the missed messages. */
export function followLog(
  log: ChannelLog,
  channel: string,
  { cursor, limit, scheduler, onFailed }: FollowLogOptions,
): Observable<ChannelEntry | ChannelBroadcast> {
  const tail$ = defer(() => (cursor.position ? catchUp(log, channel, cursor.position, { cursor, limit }) : log.tail(channel)));
  return tail$.pipe(
    filter((entry) => entry.offset === undefined || isAfter(entry, cursor.position)),
    retryBackoff({
      initialInterval: 500,
      maxInterval: 30_000,
      jitter: 0.5,
      resetOnSuccess: true,
      scheduler,
      onRetry: ({ error }) => onFailed(error),
    }),
  );
}

/** Returns whether a position is behind another one, or of another epoch. */
export function isAfter({ epoch, offset }: ChannelPosition, position: ChannelPosition | undefined): boolean {
  return epoch !== position?.epoch || offset > position.offset;
}

function catchUp(
  log: ChannelLog,
  channel: string,
  after: ChannelPosition,
  { cursor, limit }: Pick<FollowLogOptions, 'cursor' | 'limit'>,
): Observable<ChannelEntry | ChannelBroadcast> {
  return defer(() => {
    let waiting: ChannelEntry[] | undefined = [];
    const release = ({ entries, epoch, last, isComplete }: ChannelSlice): readonly ChannelEntry[] => {
      const later = waiting?.filter((entry) => isAfter(entry, { epoch, offset: last })) ?? [];
      waiting = undefined;
      // The first entry does not directly follow the previous position.
      if (!isComplete) cursor.position = { epoch, offset: entries[0] ? entries[0].offset - 1 : last };
      return [...entries, ...later];
    };
    const hold = (entry: ChannelEntry | ChannelBroadcast): void => {
      // Above the limit, the oldest are dropped, which shows as a gap.
      if (waiting && entry.offset !== undefined && waiting.push(entry) > limit) waiting.shift();
    };
    const live$ = log.tail(channel).pipe(
      tap(hold),
      filter(({ offset }) => waiting === undefined || offset === undefined),
    );
    return merge(live$, asObservable(() => log.read(channel, { after, limit })).pipe(mergeMap(release)));
  });
}
