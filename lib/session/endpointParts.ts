import type { Observable } from 'rxjs';
import type { Message } from '../message/types.js';
import type { ByteCounts, Connection } from './connection.js';
import type { BatchFrame, SessionFrame } from './protocol/frames.js';
import type { ReceiveLimits } from './protocol/receiveLimits.js';
import type { Allowance } from './send/inFlight.js';
import type { SenderParts } from './send/sender.js';

export type HandshakeFrame = Extract<SessionFrame, { readonly value: unknown }>;

/** The result of a handshake. */
export interface Agreement {
  /** The highest number that the other side has accepted from this side. */
  readonly rx: number;
  /** Whether the other side has the numbers of this side at all. */
  readonly isKnown: boolean;
  /**
   * Whether the other side has accepted no message of this side, under any number.
   * @default false
   */
  readonly isFresh?: boolean | undefined;
  readonly allowance: Allowance;
  /** The interval in which each side must send at least one frame, in ms. */
  readonly ping: number;
  /** Whether the other side reads batches that carry an ack, and lets acks wait. */
  readonly lazyAcks: boolean;
  /** Whether the other side reads the rejections of its messages. */
  readonly rejections: boolean;
  /** The limits of the other side for one frame. */
  readonly limits: ReceiveLimits;
}

/** The parts of an endpoint that differ between client and server. */
export interface EndpointParts extends SenderParts {
  readonly emit: (message: Message) => void;
  /**
   * Called with each new `system.ping` when it arrives, before the application receives it.
   * @default does nothing
   */
  readonly onPing?: (message: Message, isNumbered: boolean) => void;
  /** Returns the id of the other side, for the application. */
  readonly source: () => string;
  /** Called when a connection is open. */
  readonly onOpen: (connection: Connection) => void;
  /** @throws {RxwireError} When the connection cannot continue. */
  readonly onHandshake: (frame: HandshakeFrame, connection: Connection) => void;
  /**
   * Returns an Observable that emits when the record of the client is stored; `undefined` when it
   * is. Commits wait for that.
   * @default the record is stored
   */
  readonly recorded?: () => Observable<void> | undefined;
  /** Called with each frame that arrives before this side may send. @default does nothing */
  readonly onEarly?: (connection: Connection) => void;
  /** Counts the bytes of frames. @default not counted */
  readonly traffic?: ByteCounts | undefined;
  /** Emits when timers may not have run until now, or the network has changed. @default never */
  readonly woken$?: Observable<unknown>;
  /** Returns how long the ack of these messages may wait, in ms. @default the option `ackDelay` */
  readonly ackDelayOf?: (messages: readonly Message[]) => number;
  /** Returns how much of what is processed may be acked now. @default all */
  readonly ackable?: (done: number) => number;
  /**
   * Returns false for a batch that must be dropped.
   * @throws {RxwireError} When the connection
   * cannot continue.
   * @default always true
   */
  readonly admit?: (batch: BatchFrame) => boolean;
}
