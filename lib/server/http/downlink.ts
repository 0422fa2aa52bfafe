import type { ServerResponse } from 'node:http';
import type { SchedulerLike } from 'rxjs';
import type { Ending } from '../../link/http/recordFormat.js';
import type { Frame } from '../../link/link.js';
import type { HttpResponse } from './exchange.js';

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
