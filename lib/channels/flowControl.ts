import { estimateSize } from '../message/estimateSize.js';
import { MessageDroppedError, OverflowError, StoreError } from '../message/errors.js';
import type { Message } from '../message/types.js';
import type { ChannelEntry } from './channelLog.js';
import { PAGE_BYTES, PAGE_SIZE } from './channelRange.js';

/** The maximum number of joins, and of pages, of one client that are read at the same time. */
export const MAX_READS = 8;
/** The maximum size of a page that is one of several, in bytes. */
export const PART_BYTES = PAGE_BYTES / MAX_READS;
/** The estimated size of the pages that a client may have to ack before it gets more, in bytes. */
const MAX_UNACKED = PAGE_BYTES;
/** The bytes that may wait for a slow reader before it reads the log instead. */
const MAX_AHEAD = 524_288;
/** The room in the queue of a wire that is left for other messages. */
const RESERVED = 2;
/** The memory that a message takes in addition to its content, in bytes. */
export const OVERHEAD = 512;

/** The queue of the wire of a client: the messages in it, and how many more it takes. */
export interface ClientQueue {
  readonly queued: number;
  readonly room: number;
}

/** Returns whether the queue takes a message, or another page, without an ack before it. */
export const hasRoom = ({ room }: ClientQueue): boolean => room > RESERVED;

/** Returns whether a live member needs no page. @param ahead The bytes sent since none waited. */
export const mayStayLive = (ahead: number, queue: ClientQueue): boolean => ahead <= MAX_AHEAD && hasRoom(queue);

/** Returns the maximum number of messages to read for a page. */
export const pageLimit = ({ room }: ClientQueue): number => Math.max(1, Math.min(PAGE_SIZE, room - RESERVED));

/** Returns the first entries, up to the size of a page and the room: at least one. */
export function pageOf(entries: readonly ChannelEntry[], overhead = 0, room = Infinity) {
  let bytes = 0;
  let count = 0;
  for (const { message } of entries) {
    const size = overhead + estimateSize(message);
    if (count > 0 && (bytes + size > PAGE_BYTES || count >= room - RESERVED)) break;
    bytes += size;
    count++;
  }
  return { entries: count < entries.length ? entries.slice(0, count) : entries, bytes };
}

/** Estimates how much memory messages take until they are acked, in bytes. */
export const memoryOf = (messages: readonly Message[]): number =>
  messages.reduce((sum, { payload }) => sum + OVERHEAD + estimateSize(payload), 0);

/** Returns whether a message was dropped for a reason that passes, so that it is sent again. */
export const mayPass = (error: unknown): boolean =>
  error instanceof MessageDroppedError || error instanceof OverflowError || error instanceof StoreError;

/**
 * The flow control of the pages that one client receives, in all of its channels: the next page is
 * read when the client has acked enough of the previous ones.
 */
export class FlowControl<Reader> {
  /** The readers that wait for others, in order. */
  readonly waiting = new Set<Reader>();
  readonly #start: (reader: Reader) => void;
  #unacked = 0;
  #isAdvancing = false;

  /** @param start Called with each reader that has waited. */
  constructor(start: (reader: Reader) => void) {
    this.#start = start;
  }

  /** Whether the client has too much to ack to receive another page now. */
  get isFull(): boolean {
    return this.#unacked >= MAX_UNACKED;
  }

  get mustWait(): boolean {
    return this.waiting.size > 0 || this.isFull;
  }

  /** The maximum size of the next page, in bytes. */
  get pageBytes(): number {
    return this.#unacked + this.waiting.size > 0 ? PART_BYTES : PAGE_BYTES;
  }

  reserve(bytes: number): void {
    this.#unacked += bytes;
  }

  release(bytes: number): void {
    this.#unacked -= bytes;
    // A loop, because a page that is empty releases its place at once.
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    for (const reader of this.waiting) {
      if (this.isFull) break;
      this.waiting.delete(reader);
      this.#start(reader);
    }
    this.#isAdvancing = false;
  }
}
