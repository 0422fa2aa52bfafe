import { defer, of, Subscription, type Observable, type SchedulerLike } from 'rxjs';
import { longTimer as delay } from '../../operators/timing/longTimer.js';
import { asObservable, type MaybeAsync } from '../../message/maybeAsync.js';
import type { ChannelJoin, ChannelMember, ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import { step } from '../../channels/channelPosition.js';
import type { ChannelQuery, ChannelSlice } from '../../channels/channelLog.js';
import { PAGE_BYTES } from '../../channels/channelRange.js';
import { firstOffsetOf, isWithin, PAGE_SIZE, reachedBy, retryReads, type SteppedEntry } from './followLog.js';
import { deliveryMessage, hubMessage, memberListMessages, reminderMessage, type SentPosition } from './hubMessages.js';
import { mayPass, memoryOf, RESERVED, type ClientFlow } from './clientFlowControl.js';

export interface CursorParts {
  readonly name: string;
  readonly read: (query: ChannelQuery) => MaybeAsync<ChannelSlice>;
  readonly members: () => readonly ChannelMember[];
  readonly scheduler: SchedulerLike;
  /** Called each time the log fails. */
  readonly onFailed: (error: unknown) => void;
  /** The position of the latest message that was delivered from the tail. */
  readonly tail: { readonly position: ChannelPosition | undefined };
  /** The cursors that get messages from the tail. Each adds and removes itself. */
  readonly live: Set<ChannelCursor>;
}

/** The bytes that may wait for a slow reader before it reads the log instead. */
const MAX_AHEAD = 524_288;
/** The time before a reader whose message was dropped reads again, in ms. */
const PAUSE = 500;

/**
 * A client in a channel: a position in the log. A *live* cursor receives each message from the
 * tail. A cursor that begins further back, or whose client is slower than the channel, reads pages
 * of the log: the next page follows when the client has acked the previous one. So a slow client
 * does not delay other clients, and only one page waits for it in memory.
 */
export class ChannelCursor {
  readonly wire: Wire;
  readonly member: ChannelMember;
  readonly #flow: ClientFlow;
  readonly #parts: CursorParts;
  /** Whether the client receives changes of the members. */
  isWatching = false;
  isJoined = false;
  #position: SentPosition | undefined;
  /** The client knows which keys are removed up to this offset. Only keyed channels have it. */
  #since = 0;
  /** The size of the messages sent since none waited, in bytes. */
  #ahead = 0;
  #reading = new Subscription();
  #reminding: Subscription | undefined;
  /** The list of members that waits to be sent, or for its ack. */
  #listing: Subscription | undefined;
  /** Whether another list must follow it. */
  #isListDue = false;
  #isOver = false;

  constructor(flow: ClientFlow, member: ChannelMember, parts: CursorParts) {
    this.wire = flow.wire;
    this.#flow = flow;
    this.member = member;
    this.#parts = parts;
  }

  /** Confirms the join, and sends the first messages, now or when the client has acked enough. */
  begin({ join, after, start }: ChannelJoin, slice: ChannelSlice, mayReceive: boolean): void {
    const { entries, epoch, last, isComplete } = slice;
    // If the log has nothing behind the client's position, the client is up to date: the next
    // message follows the end of the log.
    const known = after && (entries[0] ? after.offset : Math.max(last, after.offset));
    const offset = isComplete && known !== undefined ? known : firstOffsetOf(slice) - 1;
    const complete = isComplete || (!after && !start);
    this.wire.next(hubMessage('channel.joined', { channel: this.#parts.name, join, member: this.member.id, epoch, offset, complete }));
    this.isJoined = true;
    this.#position = { epoch, offset };
    this.#since = after && isComplete ? after.offset : last;
    // The join does not wait for acks, but the messages do.
    if (entries.length > 0 && !mayReceive) this.#read();
    else this.#deliver({ ...slice, isComplete: true });
    this.watch(this.isWatching);
  }

  /**
   * Sets whether the client receives the members, and sends all of them when it has acked enough.
   * One list at a time waits for its ack: a client that misses a list requests another one, and a
   * full queue would drop each list for the next one.
   */
  watch(isWatching: boolean): void {
    this.isWatching = isWatching;
    this.#isListDue = isWatching && this.isJoined;
    if (this.#isListDue && (!this.#listing || this.#listing.closed)) this.#sendList();
  }

  #sendList(): void {
    const { name, members, scheduler } = this.#parts;
    const list$ = defer(() => {
      this.#isListDue = false;
      return of(memberListMessages(name, members()));
    });
    const listing = (this.#listing = new Subscription());
    const end = (): void => {
      listing.unsubscribe();
      if (this.#isListDue && !this.#isOver) this.#sendList();
    };
    const failed = (error: unknown): void => {
      if (listing.closed) return;
      this.#isListDue ||= mayPass(error) && this.isWatching;
      listing.add(delay(PAUSE, scheduler).subscribe(end));
    };
    listing.add(this.#flow.read(() => list$).subscribe((messages) => void this.#flow.send(messages).then(end, failed)));
  }

  /** Sends a message of the tail. @param size The estimated size of the message, in bytes. */
  next(message: Message, entry: SteppedEntry, size: number): void {
    const previous = this.#position;
    const effect = step(previous, entry, entry.after);
    // A read may be ahead of the tail.
    if (effect === 'repeat') return;
    const { wire } = this;
    if (isWithin(previous, entry)) {
      this.#parts.live.delete(this);
      this.#read();
      return;
    }
    this.#position = entry;
    if (wire.queued === 0) this.#ahead = 0;
    this.#ahead += size;
    // The messages in front of this one were skipped for this reader: it has no gap.
    const isBehindSkipped = effect === 'next' && previous?.sent !== undefined;
    const own = isBehindSkipped ? deliveryMessage(this.#parts.name, entry, previous.sent) : message;
    if (this.#ahead <= MAX_AHEAD && wire.room > RESERVED) wire.next(own);
    else {
      this.#parts.live.delete(this);
      this.#readBehind(own, previous);
    }
  }

  /**
   * Tells the client what it should have received, because its full queue has dropped messages. A
   * client that has received less joins again.
   */
  remind(): void {
    if (this.#isOver || (this.#reminding && !this.#reminding.closed)) return;
    this.#reminding = delay(PAUSE, this.#parts.scheduler).subscribe(() => {
      const { wire } = this;
      if (wire.queued > 0 && wire.room <= RESERVED) {
        this.#reminding = undefined;
        this.remind();
      } else if (this.#position) this.#remindOf(this.#position);
    });
  }

  /** The hub has read the log up to a position. A live cursor that has not got so far has missed messages that the log has lost. */
  caughtUp(position: ChannelPosition): void {
    if (step(this.#position, position) === 'repeat') return;
    this.#position = position;
    this.#remindOf(position);
  }

  #remindOf(position: SentPosition): void {
    this.wire.next(reminderMessage(this.#parts.name, position));
  }

  end(): void {
    this.#isOver = true;
    this.#reminding?.unsubscribe();
    this.#parts.live.delete(this);
    this.#reading.unsubscribe();
    this.#listing?.unsubscribe();
  }

  /** Sends the last message of a page, and reads on when the client has acked it. */
  #readBehind(message: Message, previous: SentPosition | undefined, bytes?: number): void {
    this.#flow.send([message], bytes).then(
      () => this.#read(),
      (error: unknown) => {
        if (this.#isOver) return;
        // A message that this client cannot receive has got a stand-in.
        if (!mayPass(error)) {
          this.#read();
          return;
        }
        this.#position = previous;
        this.#reading = delay(PAUSE, this.#parts.scheduler).subscribe(() => this.#read());
      },
    );
  }

  /** The maximum number of messages of the next page. */
  #limit(): number {
    return Math.max(1, Math.min(PAGE_SIZE, this.wire.room - RESERVED));
  }

  #read(): void {
    if (this.#isOver) return;
    const { read, scheduler, onFailed } = this.#parts;
    const page = (maxBytes: number): Observable<ChannelSlice> =>
      asObservable(() => read({ after: this.#position, limit: this.#limit(), since: this.#since, maxBytes }));
    // The page may continue with another read.
    const reading = (this.#reading = new Subscription());
    reading.add(
      this.#flow
        .read(page)
        .pipe(retryReads(scheduler, onFailed))
        .subscribe((slice) => this.#deliver(slice)),
    );
  }

  /** Sends the messages of a slice. Then reads the next slice, or continues with the tail. */
  #deliver(slice: ChannelSlice): void {
    const { name, tail, live } = this.#parts;
    const { entries, epoch, last, end, isComplete } = slice;
    // The first entry does not follow the position: the client finds the gap.
    if (!isComplete) this.#position = { epoch, offset: firstOffsetOf(slice) - 1 };
    if (this.#position && !isComplete && entries.length === 0) this.#remindOf(this.#position);
    const goal = reachedBy(slice);
    let bytes = 0;
    for (const entry of entries) {
      const previous = this.#position;
      const message = deliveryMessage(name, entry, previous?.sent ?? previous?.offset ?? 0);
      this.#position = { epoch, offset: entry.offset };
      bytes += memoryOf(message);
      if (entry !== entries.at(-1) && bytes < PAGE_BYTES && this.wire.room > RESERVED) this.wire.next(message);
      else if (entry.offset < last) {
        this.#readBehind(message, previous, bytes);
        return;
      } else void this.#flow.send([message], bytes);
    }
    const sent = this.#position?.sent ?? this.#position?.offset ?? 0;
    this.#position = sent < goal.offset ? { ...goal, sent } : goal;
    // The subscription ends with this message, even if the client has received it before.
    if (end && entries.at(-1)?.offset !== end.offset) {
      this.wire.next(deliveryMessage(name, end, end.offset - 1));
      this.#position = { epoch, offset: Math.max(goal.offset, end.offset) };
    }
    const { position } = tail;
    if (position?.epoch === epoch && position.offset > goal.offset) this.#read();
    else if (!this.#isOver) live.add(this);
  }
}
