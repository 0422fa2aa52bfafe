import { defer, filter, merge, mergeMap, tap, type Observable, type SchedulerLike } from 'rxjs';
import { asObservable } from '../../internal/later.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import { retryBackoff } from '../../operators/retryBackoff.js';
import type { ChannelEntry, ChannelLog, ChannelSlice } from './channelLog.js';

/** How far a channel has come; nothing, until that is known. */
export interface Head {
  position: ChannelPosition | undefined;
}

export interface FollowOptions {
  readonly head: Head;
  /** Messages that are read when some were missed. */
  readonly limit: number;
  readonly scheduler: SchedulerLike;
  /** Told each time that the log has failed. */
  readonly onFailed: (error: unknown) => void;
}

/** Emits the messages of a channel from now on, each once. When the log loses the thread it is asked again, and for what was missed. */
export function follow(log: ChannelLog, channel: string, { head, limit, scheduler, onFailed }: FollowOptions): Observable<ChannelEntry> {
  const tail$ = defer(() => (head.position ? caughtUp(log, channel, head.position, { head, limit }) : log.tail(channel)));
  return tail$.pipe(
    filter((entry) => isBehind(entry, head.position)),
    retryBackoff({
      ...{ initialInterval: 500, maxInterval: 30_000, jitter: 0.5, resetOnSuccess: true, scheduler },
      onRetry: ({ error }) => onFailed(error),
    }),
  );
}

/** Whether a message is news to who has had all up to a position. */
export function isBehind({ epoch, offset }: ChannelPosition, position: ChannelPosition | undefined): boolean {
  return epoch !== position?.epoch || offset > position.offset;
}

function caughtUp(
  log: ChannelLog,
  channel: string,
  after: ChannelPosition,
  { head, limit }: Pick<FollowOptions, 'head' | 'limit'>,
): Observable<ChannelEntry> {
  return defer(() => {
    let waiting: ChannelEntry[] | undefined = [];
    const release = ({ entries, epoch, last, isComplete }: ChannelSlice): readonly ChannelEntry[] => {
      const later = waiting?.filter((entry) => isBehind(entry, { epoch, offset: last })) ?? [];
      waiting = undefined;
      // What comes now does not come right behind what came before.
      if (!isComplete) head.position = { epoch, offset: entries[0] ? entries[0].offset - 1 : last };
      return [...entries, ...later];
    };
    const hold = (entry: ChannelEntry): void => {
      // Past the limit there is a hole, as with a log that no longer has all.
      if (waiting && waiting.push(entry) > limit) waiting.shift();
    };
    const live$ = log.tail(channel).pipe(
      tap(hold),
      filter(() => waiting === undefined),
    );
    return merge(live$, asObservable(() => log.read(channel, { after, limit })).pipe(mergeMap(release)));
  });
}
