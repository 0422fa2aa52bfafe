import type { ChannelJoined, ChannelPosition } from '../message/channelTypes.js';
import type { Received, ReceivedMessage } from './channelPayloads.js';
import { step } from './channelPosition.js';
import { changedState, isOut, isPending, LEFT, undeliverable, type ChannelGap, type ChannelState } from './channelState.js';
import { advance, isAnyBehind, lowest, moveToAnswer, type JoinPlace, type ReaderPosition } from './readerPositions.js';

/** The number of joins at one position. After them, the messages behind it are lost. */
const MAX_REPAIRS = 3;

/** The effect of a message of the channel. */
export interface MessageEffect<R> {
  /** The readers that get it. @default all */
  readonly receivers?: readonly R[];
  /** Messages that the receivers do not get: those in front of the message, or the message. */
  readonly gap?: ChannelGap | undefined;
  /** Whether messages are missing that another join may bring. */
  readonly mustJoin?: boolean;
}

const FOR_ALL: MessageEffect<never> = {};

/** One client in one channel, without IO. The client is a member while there are readers. */
export class MembershipCore<R extends ReaderPosition> {
  state: ChannelState = LEFT;
  /** The position up to which the hub has sent the messages; undefined before the first join. */
  position: ChannelPosition | undefined;
  /** Replaced at each change. */
  readers: readonly R[] = [];
  /** The place of the latest join: that of a reader without a position, or the lowest position. */
  #place: JoinPlace = {};
  /** The number of the latest join request; 0 before the first. */
  #join = 0;
  /** The number of joins for the messages that are missing behind a position. */
  #repairs = 0;
  #repairedAt: ChannelPosition | undefined;

  readonly #onState: (state: ChannelState) => void;

  /** @param onState Called with each next state. */
  constructor(onState: (state: ChannelState) => void) {
    this.#onState = onState;
  }

  isJoined(): boolean {
    return this.state.status === 'joined';
  }

  change(update: ChannelState): void {
    this.#set(changedState(this.state, update));
  }

  /** Ends the membership. */
  stop(end: ChannelState): void {
    this.position = undefined;
    this.#set(end);
  }

  /** Adds a reader. Returns whether it needs a join, or else the reader if its messages arrive. */
  add(reader: R): 'join' | readonly R[] {
    this.readers = [...this.readers, reader];
    // The answer to a pending request tells whether the reader needs another one.
    if (isPending(this.state)) return [];
    return this.position && !isAnyBehind([reader], this.position) ? [reader] : 'join';
  }

  /** Returns whether there was such a reader. */
  remove(reader: R): boolean {
    const isReader = this.readers.includes(reader);
    this.readers = this.readers.filter((one) => one !== reader);
    return isReader;
  }

  /** Returns whether the client must join again, although no message has shown that. */
  mustJoin(cause: 'restarted' | 'lost'): boolean {
    // A pending join is answered or repeated anyway.
    return cause === 'lost' ? !isOut(this.state) : this.isJoined();
  }

  /** Begins to join. Returns the number of the request, and its place. */
  join(): JoinPlace & { readonly join: number } {
    this.#place = this.readers.find(({ position }) => !position)?.first ?? {
      after: lowest(this.readers, this.position?.epoch) as ChannelPosition,
    };
    this.#set(this.position ? changedState(this.state, { status: 'recovering' }) : { status: 'joining' });
    return { join: ++this.#join, ...this.#place };
  }

  /** Returns the gaps of readers that an answer reveals; undefined if it has no effect. */
  answer({ join, epoch, offset, complete }: Received<ChannelJoined>): ReadonlyMap<R, ChannelGap> | undefined {
    // A repeated request may be answered twice.
    if (join !== this.#join || !isPending(this.state)) return undefined;
    this.position = { epoch, offset };
    return moveToAnswer(this.readers, this.#place, this.position, complete);
  }

  /**
   * Ends a join whose gaps are reported. Returns whether another join is needed, or else the
   * readers whose places the hub has confirmed.
   */
  confirm({ join, member }: Pick<ChannelJoined, 'join' | 'member'>): 'join' | readonly R[] {
    // A reader that has received its gap may have unsubscribed, or may have requested another join.
    if (isOut(this.state) || join !== this.#join) return [];
    if (isAnyBehind(this.readers, this.position as ChannelPosition)) return 'join';
    this.change({ status: 'joined', member });
    return this.readers;
  }

  /**
   * Returns whether the refusal of a join answers an earlier one, or a request for older messages
   * that has timed out.
   */
  isOutdated(join: number | undefined, correlationId: string): boolean {
    return join === undefined ? correlationId !== '' : join !== this.#join;
  }

  /** Moves the readers that get a message. */
  receive({ message, position, after }: ReceivedMessage): MessageEffect<R> {
    const at = this.position;
    // An ephemeral message is neither a repeat nor behind a gap.
    if (!at || !position) return FOR_ALL;
    const effect = step(at, position, after);
    if (effect === 'repeat') return { receivers: [] };
    if (effect === 'gap' && this.#mayRepair(at, position)) return { receivers: [], mustJoin: true };
    this.position = position;
    const receivers = advance(this.readers, at, position);
    const gap = message && effect === 'next' ? undefined : undeliverable(at, position.offset + (message ? 0 : 1));
    if (!gap && receivers === this.readers) return FOR_ALL;
    if (gap) for (const reader of receivers) reader.hasGap = true;
    return { receivers, gap, mustJoin: isAnyBehind(this.readers, position) };
  }

  #set(state: ChannelState): void {
    this.state = state;
    this.#onState(state);
  }

  /**
   * Returns whether another join may bring the messages that are missing behind a position. So a
   * message that never arrives does not make a client join for ever.
   */
  #mayRepair(at: ChannelPosition, next: ChannelPosition): boolean {
    this.#repairs = step(this.#repairedAt, at) === 'repeat' ? this.#repairs + 1 : 1;
    this.#repairedAt = at;
    return at.epoch !== next.epoch || this.#repairs <= MAX_REPAIRS;
  }
}
