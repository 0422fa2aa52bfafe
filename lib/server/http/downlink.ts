import type { ServerResponse } from 'node:http';
import type { SchedulerLike } from 'rxjs';
import type { Ending } from '../../link/http/records.js';
import type { Frame } from '../../link/link.js';

/** How frames get to the client of one link. */
export interface Downlink {
  readonly protocol: string;
  /** Bytes that wait for the client. */
  readonly buffered: () => number;
  /** Whether an answer waits already. */
  readonly isHeld: () => boolean;
  /** Takes an answer that waits for frames. */
  readonly attach: (response: ServerResponse) => void;
  readonly send: (frame: Frame) => void;
  /** Tells the client, who is sent nothing after that. */
  readonly end: (ending: Ending) => void;
  /** The client has said that it leaves. */
  readonly close: () => void;
}

export interface DownlinkOptions {
  readonly scheduler: SchedulerLike;
  /** How long a poll is held, in ms. */
  readonly pollHold: number;
  /** The client has left, or was told all. */
  readonly onClosed: () => void;
}

/** How long a client may take for its next poll, or for reading the last that it is sent, in ms. */
export const PATIENCE = 10_000;
