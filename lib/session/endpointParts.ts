import type { Observable } from 'rxjs';
import type { Message } from '../message/types.js';
import type { ByteCounts, Connection } from './connection.js';
import type { BatchFrame, SessionFrame } from './protocol/frames.js';
import type { Allowance } from './send/inFlight.js';
import type { SenderParts } from './send/sender.js';

export type HandshakeFrame = Extract<SessionFrame, { readonly value: unknown }>;

/** What both sides know of each other when a connection is agreed on. */
export interface Agreement {
  /** The highest number that the other side has accepted from this one. */
  readonly rx: number;
  /** Whether the other side has the numbers of this one at all. */
  readonly isKnown: boolean;
  readonly allowance: Allowance;
  /** How often each side must be heard, in ms. */
  readonly ping: number;
  /** Whether the other side reads batches that carry an ack, and lets acks wait. */
  readonly lazyAcks: boolean;
}

/** What a client or a server gives to its endpoint. */
export interface EndpointParts extends SenderParts {
  readonly emit: (message: Message) => void;
  /** Names the other side to the application. */
  readonly source: () => string;
  /** Called when a connection is open. */
  readonly onOpen: (connection: Connection) => void;
  /** @throws {RxwireError} When the connection cannot go on. */
  readonly onHandshake: (frame: HandshakeFrame, connection: Connection) => void;
  /** Called with each frame that comes before this side may send. @default does nothing */
  readonly onEarly?: (connection: Connection) => void;
  /** Counts the bytes of frames. @default not counted */
  readonly traffic?: ByteCounts | undefined;
  /** Emits when timers may have been asleep until now, or the network has changed. @default never */
  readonly woken$?: Observable<unknown>;
  /** Returns how long the ack of these messages may wait, in ms. @default the option `ackDelay` */
  readonly ackDelayOf?: (messages: readonly Message[]) => number;
  /** Returns how much of what is processed may be acked now. @default all */
  readonly ackable?: (done: number) => number;
  /** Whether a batch may come; else it is dropped. @throws {RxwireError} When the connection cannot go on. @default always */
  readonly admit?: (batch: BatchFrame) => boolean;
}
