import { map, noop, takeWhile, type Observable } from 'rxjs';
import { asObservable } from '../../internal/maybeAsync.js';
import { operate } from '../../internal/operate.js';
import type { Message } from '../../message/types.js';
import type { ChannelStart } from '../channels/channelOptions.js';
import { endedError, readEnd } from '../channels/channelPayloads.js';
import { positionOf } from '../channels/channelPosition.js';
import type { ChannelQuery, ChannelSlice } from './channelLog.js';
import { PAGE_BYTES } from './channelRange.js';
import { Cursor, PAGE_SIZE, type CursorParts } from './cursor.js';
import { retryReads } from './followLog.js';
import type { PageFlow } from './pageFlow.js';

export interface ReadChannelOptions {
  /** The place to begin at. */
  readonly start: ChannelStart;
  /** Called with the first slice. */
  readonly begin: (slice: ChannelSlice) => void;
}

/**
 * Emits the messages of a channel for the server itself, from a place on, and ends when the channel
 * has ended: completes, or fails with a `ChannelEndedError`.
 *
 * @param own The readers of the server, which also get what the log does not store.
 */
export function readChannel(parts: CursorParts, own: Set<Cursor>, { start, begin }: ReadChannelOptions): Observable<Message> {
  const { channel, log, scheduler, onFailed } = parts;
  const query = queryOf(start);
  const follow = operate<ChannelSlice, Message>((subscriber) => {
    const flow = flowTo(({ payload }) => subscriber.next((payload as { readonly message: Message }).message));
    const reader = new Cursor(flow, SERVER, false, parts);
    own.add(reader);
    subscriber.add(() => {
      own.delete(reader);
      reader.end();
    });
    // The messages that are published while the log is read are among those that are emitted.
    if (query.limit === 0) reader.follow();
    return {
      next(slice) {
        begin(slice);
        if (query.limit > 0) reader.start(slice);
        else if (slice.end) subscriber.next(slice.end.message);
      },
      error: (error) => subscriber.error(error),
      complete: noop,
    };
  });
  return asObservable(() => log.read(channel, query)).pipe(
    retryReads(scheduler, onFailed),
    follow,
    takeWhile(({ type, payload }) => type !== 'channel.ended' || readEnd(payload).status !== 'completed'),
    map((message) => {
      if (message.type === 'channel.ended') throw endedError(channel, message);
      return message;
    }),
  );
}

/** The server itself, which is in no list of members. */
const SERVER = { id: 'hub' };

/** Returns the flow of a reader that takes each message at once. */
function flowTo(next: (message: Message) => void): PageFlow {
  const send = (message: Message): Promise<never> => {
    next(message);
    return Promise.resolve() as Promise<never>;
  };
  return {
    wire: { next, send, queued: 0, room: Infinity },
    read: (source) => source(PAGE_BYTES),
    send: (messages) => Promise.all(messages.map(send)),
  };
}

function queryOf(start: ChannelStart): ChannelQuery {
  if (start === 'start') return { after: start, limit: PAGE_SIZE };
  if (typeof start === 'object' && 'last' in start) return { limit: start.last };
  const after = positionOf(start);
  return after ? { after, limit: PAGE_SIZE } : { limit: 0 };
}
