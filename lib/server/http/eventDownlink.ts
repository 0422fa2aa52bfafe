import type { ServerResponse } from 'node:http';
import { interval, Subscription } from 'rxjs';
import { after } from '../../internal/after.js';
import { SLOW_READER } from '../../link/closeCode.js';
import { COMMENT, toEvent } from '../../link/http/events.js';
import { EVENTS_TYPE } from '../../link/http/headers.js';
import { PATIENCE, type Downlink, type DownlinkOptions } from './downlink.js';
import { COMMON_HEADERS } from './respond.js';

/** So often something comes down, in ms, that whoever is in between does not take the connection for dead. */
const COMMENT_EVERY = 15_000;

/** Frames as events of one answer that does not end. */
export function eventDownlink({ scheduler, onClosed }: DownlinkOptions): Downlink {
  const timers = new Subscription();
  let response: ServerResponse | undefined;
  const write = (text: string): void => {
    // To write to whoever has gone is an error that nobody would catch.
    if (response && !response.destroyed && !response.writableEnded) response.write(text);
  };
  return {
    protocol: 'sse',
    buffered: () => response?.writableLength ?? 0,
    isHeld: () => response !== undefined,
    attach(opened) {
      response = opened;
      opened.writeHead(200, { ...COMMON_HEADERS, 'content-type': EVENTS_TYPE });
      opened.flushHeaders();
      opened.on('close', () => {
        timers.unsubscribe();
        onClosed();
      });
      timers.add(interval(COMMENT_EVERY, scheduler).subscribe(() => write(COMMENT)));
    },
    send: (frame) => write(toEvent(frame)),
    close: () => void response?.end(),
    end(ending) {
      if (!response || response.closed) return;
      // Who reads too slowly will not read that either.
      if (ending.code === SLOW_READER) response.destroy();
      write(toEvent(ending));
      response.end();
      timers.add(after(PATIENCE, scheduler).subscribe(() => response?.destroy()));
    },
  };
}
