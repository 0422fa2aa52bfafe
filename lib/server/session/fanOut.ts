import type { SchedulerLike } from 'rxjs';
import type { Codec } from '../../codec/codec.js';
import type { Frame } from '../../link/link.js';
import type { Delivery, Message } from '../../message/types.js';
import { MAX_BATCH } from '../../session/protocol/frames.js';
import { createTurn, type Turn } from '../../session/turn.js';

/** Messages that are encoded once for all clients that receive them. The session of a client keeps the parcel until the client has acked all of it. */
export interface Parcel {
  readonly messages: readonly Message[];
  readonly body: Frame;
  readonly delivery: Delivery;
  /** When it was sent, in ms since the epoch. */
  readonly sentAt: number;
}

/** A session that sends while it hibernates. */
export interface FanOutMember {
  /** The messages that the session sends at the end of the microtask. Only {@link FanOut} writes here, and a session that wakes up. */
  burst: Burst | undefined;
  /** Sends the burst. */
  flush(burst: Burst): void;
}

/**
 * The messages that the application sends to a session in one microtask. Sessions that send the same messages share the burst: the server
 * collects and encodes the messages of a channel once for all of its members.
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

  messages(): readonly Message[] {
    const messages = [this.#message];
    for (let burst = this.#previous; burst; burst = burst.#previous) messages.push(burst.#message);
    return messages.reverse();
  }

  /** Returns the parcel of the messages. Returns undefined when they do not fit in one batch, or only the endpoint of a session can encode them. */
  parcel(codec: Codec, delivery: Delivery, scheduler: SchedulerLike): Parcel | undefined {
    if (this.#codec !== codec || this.#delivery !== delivery) {
      this.#codec = codec;
      this.#delivery = delivery;
      this.#parcel = this.#size > MAX_BATCH ? undefined : encode(this.messages(), codec, delivery, scheduler);
    }
    return this.#parcel;
  }
}

function encode(messages: readonly Message[], codec: Codec, own: Delivery, scheduler: SchedulerLike): Parcel | undefined {
  const delivery = messages[0]?.delivery ?? own;
  if (codec.isSealed || messages.some((message) => (message.delivery ?? own) !== delivery)) return undefined;
  try {
    const body = codec.encode(messages);
    const isFrame = typeof body === 'string' || body instanceof Uint8Array;
    return isFrame ? { messages, body, delivery, sentAt: scheduler.now() } : undefined;
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
    this.#turn = createTurn(microtask, () => this.#flush());
  }

  /** Adds a message to the burst of a session. */
  add(member: FanOutMember, message: Message): void {
    const { burst } = member;
    const shared = burst ? burst.next : this.#first;
    if (shared?.endsWith(message)) member.burst = shared;
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

  #flush(): void {
    const members = this.#members;
    this.#members = [];
    this.#first = undefined;
    for (const member of members) {
      const { burst } = member;
      member.burst = undefined;
      if (burst) member.flush(burst);
    }
  }
}
