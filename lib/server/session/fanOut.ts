import type { SchedulerLike } from 'rxjs';
import type { Codec } from '../../codec/codec.js';
import type { Frame } from '../../link/link.js';
import { deliveryOf } from '../../message/deliveryOf.js';
import type { Delivery, Message } from '../../message/types.js';
import { DEFAULTS } from '../../session/endpointOptions.js';
import { MAX_BATCH } from '../../session/protocol/frames.js';
import { createTurn, type Turn } from '../../session/turn.js';
import { isContextFree, isFrame } from '../encodingOnce.js';

/**
 * Messages that are encoded once for all clients that receive them. The session of a client keeps
 * the parcel until the client has acked all of it.
 */
export interface Parcel {
  readonly messages: readonly Message[];
  readonly body: Frame;
  readonly delivery: Delivery;
  /** How long its ack may wait, in ms. */
  readonly ackDelay: number;
  /** When it was sent, by the clock of the scheduler. */
  readonly sentAt: number;
}

interface ParcelOptions {
  readonly scheduler: SchedulerLike;
  readonly ackDelay?: number | undefined;
}

/** A session that sends while it hibernates. */
export interface FanOutMember {
  /**
   * The messages that the session sends at the end of the microtask. Only {@link FanOut} writes
   * here, and a session that wakes up.
   */
  burst: Burst | undefined;
  /** Sends the burst. */
  flush(burst: Burst): void;
}

/**
 * The messages that the application sends to a session in one microtask. Sessions that send the
 * same messages share the burst: the server collects and encodes the messages of a channel once for
 * all of its members.
 */
export class Burst {
  /** The burst with one more message. */
  next: Burst | undefined;
  readonly #previous: Burst | undefined;
  readonly #message: Message;
  readonly #size: number;
  #codec: Codec | undefined;
  #delivery: Delivery | undefined;
  #parcel: Parcel | undefined;

  constructor(previous: Burst | undefined, message: Message) {
    this.#previous = previous;
    this.#message = message;
    this.#size = previous ? previous.#size + 1 : 1;
  }

  /** Returns whether this is the last message. */
  endsWith(message: Message): boolean {
    return this.#message === message;
  }

  has(id: string): boolean {
    return this.messages().some((message) => message.id === id);
  }

  messages(): readonly Message[] {
    const messages = [this.#message];
    for (let burst = this.#previous; burst; burst = burst.#previous) messages.push(burst.#message);
    return messages.reverse();
  }

  /**
   * Returns the parcel of the messages. Returns undefined when they do not fit in one batch, or
   * only the endpoint of a session can encode them.
   */
  parcel(codec: Codec, delivery: Delivery, options: ParcelOptions): Parcel | undefined {
    if (this.#codec !== codec || this.#delivery !== delivery) {
      this.#codec = codec;
      this.#delivery = delivery;
      this.#parcel = this.#size > MAX_BATCH ? undefined : encode(this.messages(), codec, delivery, options);
    }
    return this.#parcel;
  }
}

/**
 * How long the ack of a channel's message may wait, in ms: a member that has missed a message gets
 * it again by its position.
 */
const CHANNEL_ACK_DELAY = 5_000;

/**
 * Returns how long the ack of these messages may wait, in ms.
 * @param ackDelay The time for all but
 * the messages of channels.
 */
export function ackDelayOf(messages: readonly Message[], ackDelay: number): number {
  return ackDelay > 0 && messages.every(({ type }) => type === 'channel.message') ? CHANNEL_ACK_DELAY : ackDelay;
}

function encode(messages: readonly Message[], codec: Codec, own: Delivery, options: ParcelOptions): Parcel | undefined {
  const [first] = messages;
  const delivery = first ? deliveryOf(first, own) : own;
  const priority = first?.priority;
  if (!isContextFree(codec)) return undefined;
  // The send queue of an endpoint puts priorities in order.
  if (messages.some((message) => deliveryOf(message, own) !== delivery || message.priority !== priority)) return undefined;
  try {
    const body = codec.encode(messages);
    if (!isFrame(body)) return undefined;
    const { scheduler, ackDelay = DEFAULTS.ackDelay } = options;
    return { messages, body, delivery, ackDelay: ackDelayOf(messages, ackDelay), sentAt: scheduler.now() };
  } catch {
    // The endpoint finds the message that cannot be encoded.
    return undefined;
  }
}

/** Sends the bursts of hibernating sessions, at the end of the microtask. */
export class FanOut {
  #members: FanOutMember[] = [];
  /** The burst of the first message since the last flush. */
  #first: Burst | undefined;
  readonly #turn: Turn;

  constructor(microtask: SchedulerLike | undefined) {
    this.#turn = createTurn(microtask, () => this.flush());
  }

  /** Adds a message to the burst of a session. */
  add(member: FanOutMember, message: Message): void {
    const { burst } = member;
    const shared = burst ? burst.next : this.#first;
    if (shared?.endsWith(message)) member.burst = shared;
    else if (burst?.has(message.id)) return;
    else {
      const made = new Burst(burst, message);
      if (burst) burst.next = made;
      else this.#first = made;
      member.burst = made;
    }
    if (burst) return;
    this.#members.push(member);
    this.#turn.schedule();
  }

  /** Sends the bursts now. */
  flush(): void {
    const members = this.#members;
    this.#members = [];
    this.#first = undefined;
    const errors: unknown[] = [];
    for (const member of members) {
      const { burst } = member;
      member.burst = undefined;
      try {
        if (burst) member.flush(burst);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
