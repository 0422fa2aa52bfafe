import { defer, of, Subscription, type Observable, type SchedulerLike } from 'rxjs';
import { longTimer as delay } from '../../operators/timing/longTimer.js';
import { asObservable, type MaybeAsync } from '../../message/maybeAsync.js';
import type { ChannelJoin, ChannelMember, ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import type { SteppedEntry } from '../../channels/channelPosition.js';
import type { ChannelQuery, ChannelSlice } from '../../channels/channelLog.js';
import { hasRoom } from '../../channels/flowControl.js';
import { MemberCursor } from '../../channels/memberCursor.js';
import { retryReads } from './followLog.js';
import { deliveryMessage, hubMessage, memberListMessages, reminderMessage } from './hubMessages.js';
import type { ClientFlow } from './clientFlow.js';

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

/** The time before a reader whose message was dropped reads again, in ms. */
const PAUSE = 500;

/**
 * A client in a channel: a position in the log. A *live* cursor receives each message from the
 * tail. A cursor that begins further back, or whose client is slower than the channel, reads pages
 * of the log: the next page follows when the client has acked the previous one. So a slow client
 * does not delay other clients, and only one page waits for it in memory.
 */
export class ChannelCursor extends MemberCursor {
  readonly wire: Wire;
  readonly member: ChannelMember;
  readonly #flow: ClientFlow;
  readonly #parts: CursorParts;
  /** Whether the client receives changes of the members. */
  isWatching = false;
  #reading = new Subscription();
  #reminding: Subscription | undefined;
  /** The list of members that waits to be sent, or for its ack. */
  #listing: Subscription | undefined;
  /** Whether another list must follow it. */
  #isListDue = false;

  constructor(flow: ClientFlow, member: ChannelMember, parts: CursorParts) {
    super();
    this.wire = flow.wire;
    this.#flow = flow;
    this.member = member;
    this.#parts = parts;
  }

  get isJoined(): boolean {
    return this.phase !== 'joining';
  }

  /** Confirms the join, and sends the first messages, now or when the client has acked enough. */
  begin(request: ChannelJoin, slice: ChannelSlice, mayReceive: boolean): void {
    const { name: channel } = this.#parts;
    const begin = this.onJoin(request, slice);
    this.wire.next(hubMessage('channel.joined', { channel, join: request.join, member: this.member.id, ...begin }));
    // The join does not wait for acks, but the messages do.
    if (slice.entries.length > 0 && !mayReceive) this.#read();
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
      if (this.#isListDue && this.phase !== 'done') this.#sendList();
    };
    const onSent = (isDropped: boolean): void => {
      if (!isDropped) return end();
      if (listing.closed) return;
      this.#isListDue ||= this.isWatching;
      listing.add(delay(PAUSE, scheduler).subscribe(end));
    };
    listing.add(this.#flow.read(() => list$).subscribe((messages) => void this.#flow.send(messages).then(onSent)));
  }

  /** Sends a message of the tail. @param size The estimated size of the message, in bytes. */
  next(message: Message, entry: SteppedEntry, size: number): void {
    if (!this.onTail(entry, size, this.wire)) return;
    const own = this.after === entry.after ? message : deliveryMessage(this.#parts.name, entry, this.after);
    if (this.phase === 'live') return this.wire.next(own);
    this.#parts.live.delete(this);
    if (this.phase === 'reading') this.#read();
    else this.#sendAcked([own]);
  }

  /**
   * Tells the client what it should have received, because its full queue has dropped messages. A
   * client that has received less joins again.
   */
  remind(): void {
    if (this.phase === 'done' || (this.#reminding && !this.#reminding.closed)) return;
    this.#reminding = delay(PAUSE, this.#parts.scheduler).subscribe(() => {
      if (this.wire.queued === 0 || hasRoom(this.wire)) return this.#sendReminder();
      this.#reminding = undefined;
      this.remind();
    });
  }

  /** The hub has read the log up to a position. */
  caughtUp(position: ChannelPosition): void {
    if (this.onCaughtUp(position)) this.#sendReminder();
  }

  #sendReminder(): void {
    const { sent } = this;
    if (sent) this.wire.next(reminderMessage(this.#parts.name, sent));
  }

  end(): void {
    this.phase = 'done';
    this.#reminding?.unsubscribe();
    this.#parts.live.delete(this);
    this.#reading.unsubscribe();
    this.#listing?.unsubscribe();
  }

  /** Sends a page, and reads on when the client has acked it. */
  #sendAcked(messages: readonly Message[], bytes?: number): void {
    void this.#flow.send(messages, bytes).then((isDropped) => {
      this.onAcked(isDropped);
      if (!isDropped) this.#read();
      else if (this.phase !== 'done') this.#reading = delay(PAUSE, this.#parts.scheduler).subscribe(() => this.#read());
    });
  }

  #read(): void {
    if (this.phase === 'done') return;
    const { read, scheduler, onFailed } = this.#parts;
    const page = (maxBytes: number): Observable<ChannelSlice> => asObservable(() => read(this.nextPage(this.wire, maxBytes)));
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
    const { entries, bytes, after } = this.onSlice(slice, this.wire);
    if (!slice.isComplete && entries.length === 0) this.#sendReminder();
    const messages = entries.map((entry, index) => deliveryMessage(name, entry, entries[index - 1]?.offset ?? after));
    if (this.phase === 'behind') return this.#sendAcked(messages, bytes);
    if (messages.length > 0) void this.#flow.send(messages, bytes);
    // The subscription ends with this message, even if the client has received it before.
    const { end } = slice;
    if (end && entries.at(-1)?.offset !== end.offset) this.wire.next(deliveryMessage(name, end, end.offset - 1));
    this.onReached(tail.position);
    if (this.phase === 'live') live.add(this);
    else this.#read();
  }
}
