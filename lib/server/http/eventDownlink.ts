import type { ServerResponse } from 'node:http';
import { interval, Subscription } from 'rxjs';
import { after } from '../../internal/after.js';
import { SLOW_READER } from '../../link/closeCode.js';
import { KEEPALIVE_COMMENT, encodeEvent } from '../../link/http/eventFormat.js';
import { EVENTS_TYPE } from '../../link/http/httpHeaders.js';
import { CLIENT_TIMEOUT, type Downlink, type DownlinkOptions } from './downlink.js';
import { COMMON_HEADERS } from './exchange.js';

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
