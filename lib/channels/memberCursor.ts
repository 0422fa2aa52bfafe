import type { ChannelJoin, ChannelPosition } from '../message/channelTypes.js';
import type { ChannelQuery, ChannelSlice } from './channelLog.js';
import { isWithin, step, type SteppedEntry } from './channelPosition.js';
import { firstOffsetOf, knownSince, reachedBy } from './channelRange.js';
import { mayStayLive, OVERHEAD, pageLimit, pageOf, type ClientQueue } from './flowControl.js';

interface ReaderPosition extends ChannelPosition {
  /** The offset that the client has, if messages of a keyed channel behind it were skipped. */
  readonly sent?: number;
}

/** A member in a channel: a position in the log, and what follows. */
export class MemberCursor {
  /**
   * `live`: the member gets each message of the tail. `reading`: it gets the next page. `behind`:
   * it gets the next page when it has acked this one. `done`: it gets no more.
   */
  phase: 'joining' | 'live' | 'reading' | 'behind' | 'done' = 'joining';
  /** The offset that the client has in front of the latest message of the tail. */
  after = 0;
  #position: ReaderPosition | undefined;
  /** The position in front of the message that must be acked. */
  #previous: ReaderPosition | undefined;
  /** The client knows which keys are removed up to this offset. Only keyed channels have it. */
  #since = 0;
  /** The size of the messages sent since none waited, in bytes. */
  #ahead = 0;

  /** Returns where the member begins, and whether it has missed nothing. */
  onJoin({ after, start }: ChannelJoin, slice: ChannelSlice): ChannelPosition & { readonly complete: boolean } {
    const { entries, epoch, last, isComplete } = slice;
    // If the log has nothing behind the client's position, the client is up to date: the next
    // message follows the end of the log.
    const known = after && (entries[0] ? after.offset : Math.max(last, after.offset));
    const offset = isComplete && known !== undefined ? known : firstOffsetOf(slice) - 1;
    this.#position = { epoch, offset };
    this.#since = knownSince(after, slice);
    this.phase = 'reading';
    return { epoch, offset, complete: isComplete || (!after && !start) };
  }

  /**
   * Takes a message of the tail. If the member is no longer live, the host reads on at once
   * (`reading`), or sends the message and waits for its ack (`behind`).
   *
   * @param size The estimated size of the message, in bytes.
   * @returns Whether the message is new.
   */
  onTail(entry: SteppedEntry, size: number, queue: ClientQueue): boolean {
    const previous = this.#position;
    const effect = step(previous, entry, entry.after);
    // A read may be ahead of the tail.
    if (effect === 'repeat') return false;
    if (isWithin(previous, entry)) {
      this.phase = 'reading';
      return true;
    }
    this.#position = entry;
    if (queue.queued === 0) this.#ahead = 0;
    this.#ahead += size;
    // The messages in front of this one were skipped for this reader: it has no gap.
    this.after = (effect === 'next' ? previous?.sent : undefined) ?? entry.after;
    if (!mayStayLive(this.#ahead, queue)) this.#waitFrom(previous);
    return true;
  }

  nextPage(queue: ClientQueue, maxBytes: number): ChannelQuery {
    return { after: this.#position, limit: pageLimit(queue), since: this.#since, maxBytes };
  }

  /**
   * Takes a slice. Returns the part that the host sends: all, unless the member is `behind` now.
   * `after` is the offset that the client has in front of it.
   */
  onSlice(slice: ChannelSlice, { room }: ClientQueue) {
    const { epoch, last, isComplete } = slice;
    // The first entry does not follow the position: the client finds the gap.
    const from = isComplete ? this.#position : { epoch, offset: firstOffsetOf(slice) - 1 };
    const after = from?.sent ?? from?.offset ?? 0;
    const { entries, bytes } = pageOf(slice.entries, OVERHEAD, room);
    const sent = entries.at(-1)?.offset;
    const goal = reachedBy(slice);
    if (sent !== undefined && sent < last) {
      const previous = entries.at(-2);
      this.#position = { epoch, offset: sent };
      this.#waitFrom(previous ? { epoch, offset: previous.offset } : from);
    } else this.#position = (sent ?? after) < goal.offset ? { ...goal, sent: sent ?? after } : goal;
    return { entries, bytes, after };
  }

  /** The position that the client has reached when it has all that was sent. */
  get sent(): ChannelPosition | undefined {
    const at = this.#position;
    return at && { epoch: at.epoch, offset: at.sent ?? at.offset };
  }

  /**
   * The hub has read the log up to a position. Returns whether a live member has not got so far:
   * the log has lost the messages that are missing.
   */
  onCaughtUp(position: ChannelPosition): boolean {
    if (step(this.#position, position) === 'repeat') return false;
    this.#position = position;
    return true;
  }

  /** Called when the member has all of a slice. @param tail The latest position of the tail. */
  onReached(tail: ChannelPosition | undefined): void {
    const at = this.#position;
    const isBehind = tail !== undefined && at?.epoch === tail.epoch && at.offset < tail.offset;
    this.#enter(isBehind ? 'reading' : 'live');
  }

  /**
   * Called when the message that must be acked is acked or lost: a message that the client cannot
   * receive has got a stand-in, but one that was dropped is sent again.
   */
  onAcked(isDropped: boolean): void {
    if (isDropped) this.#position = this.#previous;
    this.#enter('reading');
  }

  #waitFrom(previous: ReaderPosition | undefined): void {
    this.#previous = previous;
    this.#enter('behind');
  }

  #enter(phase: MemberCursor['phase']): void {
    if (this.phase !== 'done') this.phase = phase;
  }
}
