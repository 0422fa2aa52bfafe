import type { Negotiable } from '../../session/negotiable.js';
import type { EndpointOptions } from '../../session/options.js';
import type { Cursor } from '../../session/store/inbox.js';
import type { OutboxContents, OutboxStore } from '../../session/store/outboxStore.js';
import type { Attachment } from '../attachment.js';
import type { Peer } from './peer.js';
import type { Throttle } from './throttle.js';

export interface ServerSideOptions extends EndpointOptions {
  /** How often each side must be heard, in ms. */
  readonly pingInterval: number;
}

/** What is there of a client before its wire is. */
export interface ServerSideSetup {
  readonly pid: string;
  readonly peer: Peer;
  readonly codec: Negotiable;
  /** The name of the one that both sides know. */
  readonly agreed: string;
  readonly store: OutboxStore;
  readonly contents: OutboxContents;
  /** How far its messages were processed, where that was stored. */
  readonly cursor: Cursor | undefined;
  /** The latest connection, which is open or about to be. */
  readonly attachment: () => Attachment;
  /** What slows it, where that is wanted. */
  readonly throttle: Throttle | undefined;
  /** Called when the client was not heard for so many looks, two in each interval: it may end this side. */
  readonly onQuiet: (looks: number) => void;
  /** Called when both sides know of each other. */
  readonly onAgreed: () => void;
}
