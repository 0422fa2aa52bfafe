import type { AsyncHost, CodecLimits, CodecOutputs, FrameReader, ReceivingSession } from '../codec/codec.js';
import type { Delivery, Message } from '../message/types.js';
import type { ReceiveProgress } from './receiveProgress.js';
import type { Body, InboxWrite, OutboxWrite, WriteFault } from './storedTypes.js';
import type { NumberedRejection } from './rejection.js';

/** Encodes and decodes batches for one session. */
export interface SessionCodec {
  /** The name that the two sides negotiate. */
  readonly name: string;
  /**
   * Whether the codec encrypts: a frame that it cannot decode ends the connection.
   * @default false
   */
  readonly isSealed?: boolean;
  /**
   * Returns whether an error of `decode` says that the batch may be forged: such a batch is never
   * set aside.
   * @default false
   */
  isForgery?(error: unknown): boolean;
  /**
   * Reads the batches that this side has encoded, for the next owner of an outbox.
   * @default this codec
   */
  readonly own?: SessionCodec;
  /** The limits of `decode`, which the session sends to the other side. */
  readonly limits?: CodecLimits;
  /** Returns a codec of the same name whose `encode` obeys the limits of the receiver. */
  within?(limits: CodecLimits): SessionCodec | undefined;
  /**
   * Returns the body. An asynchronous codec first returns undefined, and asks the host for its call
   * by an effect. When the call has ended, the session asks again, with the same array. Without
   * `outputs`, an asynchronous codec returns its latest body.
   *
   * @throws If the messages cannot be encoded.
   */
  encode(messages: readonly Message[], first: number, outputs?: CodecOutputs): Body | undefined;
  /**
   * Returns the `count` messages of a body: at once, if there is no `outputs`.
   *
   * @throws If the body cannot be decoded.
   */
  decode(body: Body, first: number, count: number, outputs?: CodecOutputs): readonly Message[] | undefined;
  /** Decodes the batches of a connection before they are read, if the codec is asynchronous. */
  reader?(session: ReceivingSession): FrameReader | undefined;
}

/** The limits of one side for a frame that it receives (protocol, "Limits of the receiver"). */
export interface FrameLimits extends CodecLimits {
  readonly maxFrame?: number;
}

export type QueueOverflow = 'drop-lowest' | 'drop-oldest' | 'drop-newest' | 'error';

/** The options that the host of a session decides. All times are in ms. */
export interface CoreOptions {
  /** The id of this side: the source of messages that have none. */
  readonly id: string;
  /** The level of messages that choose none. */
  readonly delivery: Delivery;
  /** The codecs of this side, the best first. */
  readonly codecs: readonly SessionCodec[];
  /** The unacked messages, and the size of their frames, that may be in flight to this side. */
  readonly window: number;
  readonly bytes: number;
  /** The largest frame that this side receives, in bytes. */
  readonly maxFrame: number;
  /** How many messages may wait for a number, and which one gives way. */
  readonly maxQueued: number;
  readonly overflow: QueueOverflow;
  /**
   * How often a batch that cannot be decoded is received before it is set aside; and how many other
   * frames in a row may be undecodable.
   */
  readonly maxBadFrames: number;
  /** Whether pings measure the latency while no message is in flight. @default true */
  readonly measuresLatency?: boolean;
  /** Whether a server checks that its client is not silent, which needs a timer. @default true */
  readonly checksPeer?: boolean;
  /** The interval in which each side must send a frame. The server chooses it. */
  readonly pingInterval: number;
  readonly handshakeTimeout: number;
  /** How long the ack of these messages may wait. */
  readonly ackDelayOf: (messages: readonly Message[]) => number;
  /**
   * Returns the messages that are sent in place of one that cannot be encoded, or is too large.
   * @default none: its number is skipped
   */
  readonly standInsFor?: (message: Message) => readonly Message[];
  /** Returns a secret of so many characters, 6 random bits each. */
  readonly secret: (length: number) => string;
  /**
   * Returns what a server remembers of a token, and compares: where the record of a client is
   * stored, a stolen one must not open a session.
   * @default the token
   */
  readonly digest?: (token: string) => string;
}

/** The outcome of a message that was sent. */
export type MessageOutcome =
  | 'sent'
  | 'acked'
  | 'dead-lettered'
  | 'refused'
  | 'undecodable'
  | 'dropped'
  | 'overflow'
  | 'expired'
  | 'in-doubt'
  | 'unsendable'
  | 'quota'
  | 'closed';

/**
 * Something that has happened. The host takes events after each input, when the session has changed
 * its state: it may call the session again while it handles one.
 */
export type CoreEvent =
  /** A message has arrived. The host calls `processed` with its number and its progress. */
  | { readonly kind: 'message'; readonly message: Message; readonly number: number; readonly progress: ReceiveProgress }
  /** A batch could not be decoded. */
  | { readonly kind: 'decode-failed'; readonly error: unknown }
  /**
   * A batch could not be decoded `maxBadFrames` times, and is set aside. The host keeps its body,
   * and calls `processed` for each of the numbers.
   */
  | {
      readonly kind: 'undecodable';
      readonly numbers: readonly number[];
      readonly first: number;
      readonly count: number;
      readonly body: Body;
      readonly error: unknown;
      readonly attempts: number;
      readonly progress: ReceiveProgress;
    }
  /** These messages were sent, while the application follows the steps of its messages. */
  | { readonly kind: 'sent'; readonly messages: readonly Message[] }
  /**
   * A message of this side has its outcome. An ack has a latency: the time since the message was
   * sent, without the delay of the other side.
   */
  | {
      readonly kind: 'outcome';
      readonly message: Message;
      readonly outcome: MessageOutcome;
      readonly rejection?: NumberedRejection | undefined;
      readonly latency?: number | undefined;
    }
  /** The latency of the latest message that an ack covers, or of a ping. */
  | { readonly kind: 'latency'; readonly latency: number }
  /** The handshake has ended, and messages may travel. */
  | { readonly kind: 'agreed' }
  /** The other side will not send so many messages. */
  | { readonly kind: 'missed'; readonly count: number }
  /** The server does not have the session any more: messages of the server may be lost. */
  | { readonly kind: 'forgotten' }
  /** The credentials of the client expire in so many ms; 0: never. */
  | { readonly kind: 'expires'; readonly after: number }
  /** The client has sent a token. The host calls `renewed`, or closes the connection. */
  | { readonly kind: 'auth'; readonly token: string }
  /** A server stops, and the client may return after so many ms; or a client has left. */
  | { readonly kind: 'bye'; readonly after: number }
  /** An earlier owner of the outbox has left these messages, and the application follows them. */
  | { readonly kind: 'queued'; readonly messages: readonly Message[] }
  /** An outbox has stored these messages: they outlive the process. */
  | { readonly kind: 'stored'; readonly messages: readonly Message[] }
  /** So many batches of the outbox cannot be read. Their numbers are skipped. */
  | { readonly kind: 'unreadable'; readonly count: number }
  /** The effect of a message has failed alone: the host may process the message again. */
  | { readonly kind: 'effect-failed'; readonly number: number; readonly progress: ReceiveProgress; readonly effect: unknown }
  /** A store has failed, or has another owner: the session has ended. */
  | { readonly kind: 'store-failed'; readonly store: 'outbox' | 'inbox'; readonly fault: WriteFault }
  /** The host must close the connection. `isReported`: an earlier event has the error. */
  | { readonly kind: 'close'; readonly code: number; readonly reason: string; readonly isReported: boolean };

/**
 * A request to the host of a session: a call of an asynchronous codec; or the write of a store,
 * which it answers with `answered`, in the order of the writes of that store.
 */
export type CoreEffect =
  | { readonly kind: 'outbox'; readonly id: number; readonly write: OutboxWrite }
  | { readonly kind: 'inbox'; readonly id: number; readonly write: InboxWrite }
  | { readonly kind: 'codec'; run(host: AsyncHost): void };

/** The events and effects of all parts of a session, in order. */
export class Outputs {
  /** Those that the host has not taken. */
  events: CoreEvent[] = NONE;
  effects: CoreEffect[] = NONE;
  #lastId = 0;

  add(event: CoreEvent): void {
    if (this.events === NONE) this.events = [event];
    else this.events.push(event);
  }
  /** Asks the host for a write of an outbox, or of an inbox. Returns the id of the answer. */
  writeOutbox(write: OutboxWrite): number {
    this.ask({ kind: 'outbox', id: ++this.#lastId, write });
    return this.#lastId;
  }
  writeInbox(write: InboxWrite): number {
    this.ask({ kind: 'inbox', id: ++this.#lastId, write });
    return this.#lastId;
  }
  /** Asks the host for something. */
  ask(effect: CoreEffect): void {
    this.effects = pushed(this.effects, effect);
  }
  takeEvent(): CoreEvent | undefined {
    const event = this.events.shift();
    if (this.events.length === 0) this.events = NONE;
    return event;
  }
  takeEffects(): readonly CoreEffect[] {
    const { effects } = this;
    this.effects = NONE;
    return effects;
  }
}

/** Shared by all lists that are empty: most sessions are idle. */
export const NONE: never[] = [];

/** Adds to a list that may be the shared empty one. Returns the list. */
export function pushed<T>(list: T[], item: T): T[] {
  if (list === NONE) return [item];
  list.push(item);
  return list;
}
