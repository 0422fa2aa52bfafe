import type { ServerResponse } from 'node:http';
import { asapScheduler, interval, type SchedulerLike, Subscription, type Unsubscribable } from 'rxjs';
import type { Ending } from '../../link/http/recordFormat.js';
import type { Frame } from '../../link/link.js';
import { COMMON_HEADERS, type HttpResponse, respond } from './exchange.js';
import { after } from '../../internal/after.js';
import { SLOW_READER } from '../../link/closeCode.js';
import { encodeEvent, KEEPALIVE_COMMENT } from '../../link/http/eventFormat.js';
import { EVENTS_TYPE, RECORDS_TYPE } from '../../link/http/httpHeaders.js';
import { createRecordQueue } from '../../link/http/recordQueue.js';

/** Sends frames to the client of one link. */
export interface Downlink {
  readonly protocol: string;
  /** Returns the number of bytes that wait for the client. */
  readonly buffered: () => number;
  /** Returns whether a response is waiting for frames. */
  readonly isHeld: () => boolean;
  /** Starts the response to the opening request. */
  readonly open: (response: ServerResponse) => void;
  /** Adds the response to a poll, which waits for frames; `undefined` if frames are not polled. */
  readonly attach?: (response: HttpResponse) => void;
  readonly send: (frame: Frame) => void;
  /** Reports the end to the client; nothing is sent after that. */
  readonly end: (ending: Ending) => void;
  /** Handles the close of the client. */
  readonly close: () => void;
}

export interface DownlinkOptions {
  readonly scheduler: SchedulerLike;
  /** The maximum time for which a poll is held, in ms. */
  readonly pollHold: number;
  /** Called when the client has disconnected, or has received everything. */
  readonly onClosed: () => void;
}

/** The time for the client's next poll, and for reading the last data, in ms. */
export const CLIENT_TIMEOUT = 10_000;

/** The interval of comments, in ms, which keep intermediaries from closing the connection. */
const COMMENT_INTERVAL = 15_000;

/** Sends frames as events of one endless response. */
export function eventDownlink({ scheduler, onClosed }: DownlinkOptions): Downlink {
  const timers = new Subscription();
  let response: ServerResponse | undefined;
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
    },
    send: (frame) => write(encodeEvent(frame)),
    close: () => void response?.end(),
    end(ending) {
      if (!response || response.closed) return;
      // A client that reads too slowly would not read this either.
      if (ending.code === SLOW_READER) response.destroy();
      write(encodeEvent(ending));
      response.end();
      timers.add(after(CLIENT_TIMEOUT, scheduler).subscribe(() => response?.destroy()));
    },
  };
}

/** Sends frames in responses to polls, each held until there are frames. */
export function pollDownlink(options: DownlinkOptions): Downlink {
  const queue = createRecordQueue();
  const poll = createHeldPoll(options);
  let isFlushing = false;
  let isEnded = false;

  const release = (): void => {
    poll.answer(queue.bytes > 0 ? queue.take() : undefined);
    if (isEnded && queue.bytes === 0) poll.close();
  };
  const flush = (): void => {
    isFlushing = false;
    if (poll.isHeld && queue.bytes > 0) release();
  };
  const attach = (response: HttpResponse): void => {
    poll.hold(response, release);
    if (queue.bytes > 0) release();
  };
  return {
    protocol: 'long-polling',
    buffered: () => queue.bytes,
    isHeld: () => poll.isHeld,
    open: attach,
    attach,
    close: poll.close,
    send(frame) {
      queue.push(frame);
      if (isFlushing || !poll.isHeld) return;
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

/** The held poll. If the next one does not arrive in time, the client has disconnected. */
function createHeldPoll({ scheduler, pollHold, onClosed }: DownlinkOptions) {
  let heldResponse: HttpResponse | undefined;
  let timer: Unsubscribable = Subscription.EMPTY;

  const wait = (delay: number, then: () => void): void => {
    timer.unsubscribe();
    timer = after(delay, scheduler).subscribe(then);
  };
  const answer = (body?: Uint8Array): void => {
    const response = heldResponse;
    if (!response) return;
    heldResponse = undefined;
    wait(CLIENT_TIMEOUT, close);
    if (body) respond(response, 200, { 'content-type': RECORDS_TYPE }, body);
    else respond(response, 204);
  };
  const close = (): void => {
    answer();
    timer.unsubscribe();
    onClosed();
  };
  return {
    get isHeld() {
      return heldResponse !== undefined;
    },
    answer,
    close,
    hold(response: HttpResponse, onTime: () => void): void {
      // A newer poll supersedes the held one.
      answer();
      heldResponse = response;
      wait(pollHold, onTime);
      response.on('close', () => {
        if (heldResponse !== response) return;
        heldResponse = undefined;
        close();
      });
    },
  };
}
