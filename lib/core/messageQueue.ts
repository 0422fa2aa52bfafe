import type { Message } from '../message/types.js';
import type { QueueOverflow } from './coreTypes.js';

interface Queued {
  readonly message: Message;
  /** The position in the order of arrival. */
  readonly arrival: number;
}

/** The priorities of messages, from the lowest. */
export const PRIORITIES: readonly unknown[] = [0, 1, 2, 3];
/** The lane of messages that were taken and have come back: they are the next ones. */
const RETURNED = 4;

/**
 * The messages that have no number yet: the highest priority first, in order of arrival within one.
 */
export class MessageQueue {
  size = 0;
  /** One list for each priority, and {@link RETURNED}. */
  readonly #lanes: Queued[][] = [[], [], [], [], []];
  #arrivals = 0;

  /** Adds a message. Returns the message for which there is no room, if there is one. */
  push(message: Message, max: number, overflow: QueueOverflow): Message | undefined {
    if (this.size >= max && (overflow === 'error' || overflow === 'drop-newest')) return message;
    const { priority = 1 } = message;
    // A message whose priority is invalid fails when it is encoded.
    const lane = this.#lanes[PRIORITIES.includes(priority) ? priority : 1] as Queued[];
    lane.push({ message, arrival: ++this.#arrivals });
    if (++this.size <= max) return undefined;
    this.size--;
    return this.#fullLane(overflow).shift()?.message;
  }

  /** Returns the lane whose first message gives way. */
  #fullLane(overflow: QueueOverflow): Queued[] {
    const filled = this.#lanes.filter(({ length }) => length > 0);
    const arrivalOf = ([first]: readonly Queued[]): number => first?.arrival ?? Infinity;
    if (overflow === 'drop-oldest') filled.sort((one, other) => arrivalOf(one) - arrivalOf(other));
    return filled[0] as Queued[];
  }

  /** Puts messages back in front of all others. */
  putBack(messages: readonly Message[]): void {
    this.#lanes[RETURNED]?.unshift(...messages.map((message) => ({ message, arrival: 0 })));
    this.size += messages.length;
  }

  /** Removes the messages for which `isGone` holds. Returns how many. */
  remove(isGone: (message: Message) => boolean): number {
    let removed = 0;
    for (const [index, lane] of this.#lanes.entries()) {
      const left = lane.filter(({ message }) => !isGone(message));
      removed += lane.length - left.length;
      this.#lanes[index] = left;
    }
    this.size -= removed;
    return removed;
  }

  /**
   * Removes and returns the next messages, at most `most`, all for which `isAlike` holds with the
   * first of them. A message with a `ttl` for which `isGone` returns true is left out.
   */
  take(most: number, isAlike: (message: Message, first: Message) => boolean, isGone: (message: Message) => boolean): Message[] {
    const taken: Message[] = [];
    for (let priority = RETURNED; priority >= 0; priority--) {
      const lane = this.#lanes[priority] as Queued[];
      let count = 0;
      for (const { message } of lane) {
        if (taken.length === most || (taken[0] && !isAlike(message, taken[0]))) break;
        if (message.ttl === undefined || !isGone(message)) taken.push(message);
        count++;
      }
      this.size -= count;
      if (count === lane.length) lane.length = 0;
      else {
        lane.splice(0, count);
        break;
      }
    }
    return taken;
  }
}
