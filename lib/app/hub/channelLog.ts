import type { Observable } from 'rxjs';
import type { Later } from '../../internal/later.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';

/** A message in the history of a channel. */
export interface ChannelEntry extends ChannelPosition {
  readonly message: Message;
}

/** What to read of a channel. */
export interface ChannelQuery {
  /** What came after that; without it, the latest there are. */
  readonly after?: ChannelPosition | undefined;
  /** So many at most: the latest of them. May be 0. */
  readonly limit: number;
}

/** A piece of the history of a channel. */
export interface ChannelSlice {
  readonly epoch: string;
  /** The highest offset that was given in this epoch; 0, when none was. */
  readonly last: number;
  /** In order. */
  readonly entries: readonly ChannelEntry[];
  /** Whether that is all that came after what was asked for: false, when some of it is not kept any more, or was of another epoch. */
  readonly isComplete: boolean;
}

/**
 * Keeps the history of channels, and hands on what is added to it: the one place through which all messages of a channel go, so that
 * the hubs of several servers which share it serve the same channels.
 *
 * Offsets rise with each message of a channel, by one or more. They belong to an epoch: a log that cannot go on where it was, since it has
 * lost what it had, begins a new one. Answers are there at once, or come by an Observable.
 */
export interface ChannelLog {
  /** Adds a message, and answers where it stands. Those that a server adds one after the other keep their order. */
  append(channel: string, message: Message): Later<ChannelPosition>;
  read(channel: string, query: ChannelQuery): Later<ChannelSlice>;
  /**
   * Emits each message from the moment of subscribing on, whoever has added it, in order. What is read after subscribing leaves nothing
   * out between. An error says that it has lost the thread: it is subscribed again, and what was missed is read.
   */
  tail(channel: string): Observable<ChannelEntry>;
}
