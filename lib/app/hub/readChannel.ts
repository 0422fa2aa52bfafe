import { concat, defer, from, map, merge, mergeMap, NEVER, of, takeWhile, type Observable } from 'rxjs';
import { asObservable } from '../../internal/maybeAsync.js';
import type { Message } from '../../message/types.js';
import { endedError, readEnd } from '../channels/channelPayloads.js';
import type { ChannelStart } from '../channels/channelOptions.js';
import { positionOf } from '../channels/channelPosition.js';
import type { ChannelLog, ChannelQuery, ChannelSlice } from './channelLog.js';
import { followLog, reachedBy, type FollowLogOptions, type LogCursor } from './followLog.js';

export interface ReadChannelOptions extends Omit<FollowLogOptions, 'cursor'> {
  /** The messages that are published from now on. */
  readonly live$: Observable<Message>;
  /** The place to begin at. */
  readonly start: ChannelStart;
}

/**
 * Emits the messages of a channel for the server itself, from a place on, and ends when the channel
 * has ended.
 */
export function readChannel(
  log: Pick<ChannelLog, 'read' | 'tail'>,
  channel: string,
  { live$, start, ...options }: ReadChannelOptions,
): Observable<Message> {
  const query = queryOf(start, options.limit);
  const first$ = asObservable(() => log.read(channel, query));
  if (query.limit === 0) {
    // The messages that are published while the log is read are among those that are emitted.
    const ended$ = first$.pipe(mergeMap(({ end }) => (end ? of(end.message) : NEVER)));
    return untilEnd(channel, merge(live$, ended$));
  }
  return defer(() => {
    const cursor: LogCursor = { position: undefined };
    const rest$ = (slice: ChannelSlice): Observable<Message> => {
      cursor.position = reachedBy(slice);
      const { end } = slice;
      if (end && cursor.position.offset >= end.offset) return of(end.message);
      return followLog(log, channel, { ...options, cursor }).pipe(
        map((entry) => {
          if (entry.offset !== undefined) cursor.position = entry;
          return entry.message;
        }),
      );
    };
    const messages$ = first$.pipe(
      mergeMap((slice) =>
        concat(
          from(slice.entries.map(({ message }) => message)),
          defer(() => rest$(slice)),
        ),
      ),
    );
    return untilEnd(channel, messages$);
  });
}

/** Ends as the end message says: completes, or fails with a `ChannelEndedError`. */
function untilEnd(channel: string, messages$: Observable<Message>): Observable<Message> {
  return messages$.pipe(
    takeWhile(({ type, payload }) => type !== 'channel.ended' || readEnd(payload).status !== 'completed'),
    map((message) => {
      if (message.type === 'channel.ended') throw endedError(channel, message);
      return message;
    }),
  );
}

function queryOf(start: ChannelStart, limit: number): ChannelQuery {
  if (start === 'start') return { after: start, limit };
  if (typeof start === 'object' && 'last' in start) return { limit: start.last };
  const after = positionOf(start);
  return after ? { after, limit } : { limit: 0 };
}
