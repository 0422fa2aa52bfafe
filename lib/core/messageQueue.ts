import type { Message } from '../message/types.js';
import { NONE, pushed, type QueueOverflow } from './coreTypes.js';

export interface QueueOwner {
  /** Returns whether a message may be taken together with the first one. @default all may */
  isAlike?(message: Message, first: Message): boolean;
  /** Returns whether a message with a `ttl` is left out. */
  isGone(message: Message, date: number): boolean;
}

/** The priorities of messages, from the lowest. */
const PRIORITIES: readonly unknown[] = [0, 1, 2, 3];
/** The lane of messages that were taken and have come back: they are the next ones. */
const RETURNED = PRIORITIES.length;

/**
 * The messages that have no number yet: the highest priority first, in order of arrival within one.
 */
export class MessageQueue {
  size = 0;
  /** One list for each priority, and {@link RETURNED}. */
  readonly #lanes: Message[][] = [...PRIORITIES, RETURNED].map(() => NONE);
  /** The order of arrival, for `drop-oldest`. */
  #arrivals: WeakMap<Message, number> | undefined;
  #arrived = 0;

  /** Adds a message. Returns the message for which there is no room, if there is one. */
  push(message: Message, max: number, overflow: QueueOverflow): Message | undefined {
    if (this.size >= max && (overflow === 'error' || overflow === 'drop-newest')) return message;
    const { priority = 1 } = message;
    // A message whose priority is invalid fails when it is encoded.
    const lane = PRIORITIES.includes(priority) ? priority : 1;
    this.#lanes[lane] = pushed(this.#lanes[lane] as Message[], message);
    if (overflow === 'drop-oldest') (this.#arrivals ??= new WeakMap()).set(message, ++this.#arrived);
    if (++this.size <= max) return undefined;
    this.size--;
    return this.#fullLane(overflow).shift();
  }

  /** Returns the lane whose first message gives way. */
  #fullLane(overflow: QueueOverflow): Message[] {
    const filled = this.#lanes.filter(({ length }) => length > 0);
    const arrivalOf = ([first]: readonly Message[]): number => this.#arrivals?.get(first as Message) ?? 0;
    if (overflow === 'drop-oldest') filled.sort((one, other) => arrivalOf(one) - arrivalOf(other));
    return filled[0] as Message[];
  }

  /** Puts messages back in front of all others. */
  putBack(messages: readonly Message[]): void {
    this.#lanes[RETURNED] = [...messages, ...(this.#lanes[RETURNED] as Message[])];
    this.size += messages.length;
  }

  /** Removes the messages for which `isGone` holds. Returns how many. */
  remove(isGone: (message: Message) => boolean): number {
    let removed = 0;
    for (const [index, lane] of this.#lanes.entries()) {
      const left = lane.filter((message) => !isGone(message));
      removed += lane.length - left.length;
      if (left.length < lane.length) this.#lanes[index] = left;
    }
    this.size -= removed;
    return removed;
  }

  /** Removes and returns the next messages, at most `most`, all of them alike. */
  take(most: number, date: number, owner: QueueOwner): readonly Message[] {
    let taken: Message[] = NONE;
    for (let priority = RETURNED; priority >= 0; priority--) {
      const lane = this.#lanes[priority] as Message[];
      if (lane.length === 0) continue;
      // Mostly, all of them can be taken: the list of the lane becomes that of the batch.
      if (taken === NONE && lane.length <= most && areAlike(lane, owner)) {
        taken = lane;
        this.#lanes[priority] = NONE;
        this.size -= lane.length;
        continue;
      }
      let count = 0;
      for (const message of lane) {
        if (taken.length === most || (taken[0] && owner.isAlike?.(message, taken[0]) === false)) break;
        if (message.ttl === undefined || !owner.isGone(message, date)) taken = pushed(taken, message);
        count++;
      }
      this.size -= count;
      if (count < lane.length) {
        lane.splice(0, count);
        break;
      }
      this.#lanes[priority] = NONE;
    }
    return taken;
  }
}

/** Returns whether messages can be taken together, and none of them expires. */
function areAlike(lane: readonly Message[], owner: QueueOwner): boolean {
  const first = lane[0] as Message;
  for (const message of lane)
    if (message.ttl !== undefined || (message !== first && owner.isAlike?.(message, first) === false)) return false;
  return true;
}
