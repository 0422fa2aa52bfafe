import { asapScheduler, EMPTY, interval, Observable, type SchedulerLike, type Subscriber, Subscription, type Unsubscribable } from 'rxjs';
import { longTimer } from '../../operators/timing/longTimer.js';
import { SLOW_READER } from '../../message/closeCode.js';
import { encodeEvent, KEEPALIVE_COMMENT } from '../../io/http/eventFormat.js';
import { EVENTS_TYPE, RECORDS_TYPE } from '../../io/http/httpHeaders.js';
import { createRecordQueue, type Ending } from '../../io/http/recordFormat.js';
import type { Frame } from '../../io/link.js';
import { COMMON_HEADERS, type HttpReply } from './httpStatus.js';
import type { ResponseWriter } from './httpExchange.js';

export interface Downlink {
  readonly protocol: string;
  /** Returns the number of bytes that wait for the client. */
  readonly buffered: () => number;
  readonly isHeld: () => boolean;
  /** Starts the response to the opening request, or emits the reply. */
  readonly open: (response: ResponseWriter) => Observable<HttpReply>;
  /** Emits the reply to a poll, when there are frames; `undefined` if frames are not polled. */
  readonly poll$?: Observable<HttpReply>;
  readonly send: (frame: Frame) => void;
  /** Reports the end to the client; nothing is sent after that. */
  readonly end: (ending: Ending) => void;
  readonly close: () => void;
}

export interface DownlinkOptions {
  readonly scheduler: SchedulerLike;
  /** The maximum time for which a poll is held, in ms. */
  readonly pollHold: number;
  /** Called when the client has disconnected, or has received everything. */
  readonly onClosed: () => void;
}

/** The default time for which a poll is held, in ms. */
export const POLL_HOLD = 25_000;

/** The time for the client's next poll, and for reading the last data, in ms. */
const CLIENT_TIMEOUT = 10_000;

/** The interval of comments, in ms, which keep intermediaries from closing the connection. */
const COMMENT_INTERVAL = 15_000;

/** Sends frames as events of one endless response. */
export function eventDownlink({ scheduler, onClosed }: DownlinkOptions): Downlink {
  const timers = new Subscription();
  let response: ResponseWriter | undefined;
  const write = (text: string): void => {
    // Writing to a closed response would emit an error without a listener.
    if (response && !response.destroyed && !response.writableEnded) response.write(text);
  };
  return {
    protocol: 'sse',
    buffered: () => response?.writableLength ?? 0,
    isHeld: () => response !== undefined,
    open(opened) {
      response = opened;
      opened.writeHead(200, { ...COMMON_HEADERS, 'content-type': EVENTS_TYPE });
      opened.flushHeaders();
      opened.on('close', () => {
        timers.unsubscribe();
        onClosed();
      });
      timers.add(interval(COMMENT_INTERVAL, scheduler).subscribe(() => write(KEEPALIVE_COMMENT)));
      return EMPTY;
    },
    send: (frame) => write(encodeEvent(frame)),
    close: () => void response?.end(),
    end(ending) {
      if (!response || response.closed) return;
      // A client that reads too slowly would not read this either.
      if (ending.code === SLOW_READER) response.destroy();
      write(encodeEvent(ending));
      response.end();
      timers.add(longTimer(CLIENT_TIMEOUT, scheduler).subscribe(() => response?.destroy()));
    },
  };
}

/**
 * Sends frames in replies to polls, each held until there are frames. If the next poll does not
 * arrive in time, the client has disconnected.
 */
export function pollDownlink({ scheduler, pollHold, onClosed }: DownlinkOptions): Downlink {
  const queue = createRecordQueue();
  let held: Subscriber<HttpReply> | undefined;
  let timer: Unsubscribable = Subscription.EMPTY;
  let isFlushing = false;
  let isEnded = false;

  const wait = (delay: number, then: () => void): void => {
    timer.unsubscribe();
    timer = longTimer(delay, scheduler).subscribe(then);
  };
  /** Answers the held poll: with frames, or, without any, with 204. */
  const answer = (body?: Uint8Array): void => {
    const poll = held;
    if (!poll) return;
    held = undefined;
    wait(CLIENT_TIMEOUT, close);
    poll.next(body ? { status: 200, headers: { 'content-type': RECORDS_TYPE }, body } : { status: 204, headers: {} });
    poll.complete();
  };
  const close = (): void => {
    answer();
    timer.unsubscribe();
    onClosed();
  };
  const release = (): void => {
    answer(queue.bytes > 0 ? queue.take() : undefined);
    if (isEnded && queue.bytes === 0) close();
  };
  const flush = (): void => {
    isFlushing = false;
    if (held && queue.bytes > 0) release();
  };
  const poll$ = new Observable<HttpReply>((poll) => {
    // A newer poll supersedes the held one.
    answer();
    held = poll;
    wait(pollHold, release);
    poll.add(() => {
      if (held !== poll) return;
      held = undefined;
      close();
    });
    if (queue.bytes > 0) release();
  });
  return {
    protocol: 'long-polling',
    buffered: () => queue.bytes,
    isHeld: () => held !== undefined,
    open: () => poll$,
    poll$,
    close,
    send(frame) {
      queue.push(frame);
      if (isFlushing || !held) return;
      isFlushing = true;
      // Frames that are sent in one run share a response.
      asapScheduler.schedule(flush);
    },
    end(ending) {
      isEnded = true;
      queue.push(ending);
      flush();
    },
  };
}
