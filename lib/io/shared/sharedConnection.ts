import { Observable, Subscription, type Subscriber } from 'rxjs';
import { ConnectionLostError } from '../../message/errors.js';
import { ABNORMAL, BAD_FRAMES, HANDSHAKE_TIMEOUT, MESSAGE_TOO_BIG, SILENT } from '../../message/closeCode.js';
import type { Frame, Link } from '../link.js';
import {
  closeOfStream,
  errorOfClose,
  frameOfStream,
  lostConnection,
  MAX_STREAMS,
  MULTIPLEXED,
  readStreamFrame,
  type StreamClose,
} from '../streamFrames.js';

/** One stream of a shared connection. */
export interface Stream {
  send(frame: Frame): void;
  /** Does nothing after the end. The user is not called any more. */
  close(close: StreamClose): void;
}

/** The user of a stream: a link of this tab, or of another tab. */
export interface StreamUser {
  /** The connection is open. */
  opened(stream: Stream): void;
  next(frame: Frame): void;
  /** @param error Is undefined if the server has closed the stream normally. */
  ended(error: unknown): void;
  /** The connection has no room for another stream. */
  full(): void;
}

/** The connection that the tabs share, in the tab that leads. */
export interface SharedConnection {
  open(user: StreamUser): Stream;
  /** Ends all streams with an error, and closes the connection. */
  end(error: unknown): void;
  /** Ends the connection if it has no stream. */
  endIfIdle(): void;
}

interface OpenStream {
  readonly user: StreamUser;
  readonly stream: Stream;
  /** Assigned with the first frame. */
  number: number;
  /** The number of frames of the connection when the latest frame of this stream arrived. */
  heardAt: number;
  /** The length of the largest frame that was sent. */
  largest: number;
}

/**
 * Carries streams over one connection of `link`, which opens with the first stream.
 *
 * @param onEnd Called when the connection has ended, or its last stream.
 */
export function sharedConnection(link: Link<Frame>, onEnd: () => void): SharedConnection {
  const streams = new Set<OpenStream>();
  const byNumber = new Map<number, OpenStream>();
  const connection = new Subscription();
  let outgoing: Subscriber<Frame> | undefined;
  let hasBegun = false;
  let latest = 0;
  let received = 0;

  const end = (error: unknown): void => {
    if (connection.closed) return;
    connection.unsubscribe();
    [...streams].forEach((one, _, all) => one.user.ended(lostConnection(isInnocent(one, all, error) ? undefined : error)));
    streams.clear();
    onEnd();
  };
  const receive = (frame: Frame): void => {
    received++;
    const read = readStreamFrame(frame);
    if (!read) return end(new ConnectionLostError(BAD_FRAMES, 'the server sent a malformed frame of a stream'));
    const found = byNumber.get(read.stream);
    if (!found) return;
    found.heardAt = received;
    if (read.close) {
      remove(found);
      found.user.ended(errorOfClose(read.close));
      endIfIdle();
    } else found.user.next(read.frame ?? '');
  };
  const remove = (one: OpenStream): boolean => {
    byNumber.delete(one.number);
    return streams.delete(one);
  };
  const endIfIdle = (): void => {
    if (streams.size > 0) return;
    outgoing?.complete();
    end(undefined);
  };
  const close = (one: OpenStream, reason: StreamClose): void => {
    if (!remove(one)) return;
    if (one.number > 0) outgoing?.next(closeOfStream(one.number, reason));
    // Other streams may not have noticed yet that the connection is dead.
    const isSilent = reason[0] === SILENT || reason[0] === HANDSHAKE_TIMEOUT;
    if (isSilent && one.heardAt === received) end(new ConnectionLostError(ABNORMAL, 'nothing arrives over the shared connection'));
    else endIfIdle();
  };
  const begin = (): void => {
    const frames$ = new Observable<Frame>((to) => {
      outgoing = to;
      to.add(() => (outgoing = undefined));
      to.next(MULTIPLEXED);
      for (const { user, stream } of [...streams]) user.opened(stream);
    });
    hasBegun = true;
    connection.add(link(frames$).subscribe({ next: receive, error: end, complete: () => end(undefined) }));
  };

  return {
    end,
    endIfIdle,
    open(user) {
      const stream: Stream = {
        send(frame) {
          if (!streams.has(one)) return;
          if (one.number === 0) byNumber.set((one.number = ++latest), one);
          one.largest = Math.max(one.largest, frame.length);
          outgoing?.next(frameOfStream(one.number, frame));
        },
        close: (reason) => close(one, reason),
      };
      const one: OpenStream = { user, stream, number: 0, heardAt: received, largest: 0 };
      if (streams.size >= MAX_STREAMS) user.full();
      else {
        streams.add(one);
        if (!hasBegun) begin();
        else if (outgoing) user.opened(stream);
      }
      return stream;
    },
  };
}

/**
 * Returns whether the server has closed the connection for a frame that is too large, which another
 * stream has sent: this one only loses the connection.
 */
function isInnocent({ largest }: OpenStream, all: readonly OpenStream[], error: unknown): boolean {
  return error instanceof ConnectionLostError && error.closeCode === MESSAGE_TOO_BIG && all.some((other) => other.largest > largest);
}
