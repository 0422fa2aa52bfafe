import type { Observable } from 'rxjs';
import type { MaybeAsync } from '../../internal/maybeAsync.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';

/** A message in the history of a channel. */
export interface ChannelEntry extends ChannelPosition {
  readonly message: Message;
}

/** A message for the present members of a channel, which is not in the history. */
export interface ChannelBroadcast {
  readonly message: Message;
  readonly epoch?: never;
  readonly offset?: never;
}

/** The range of a history to read. */
export interface ChannelQuery {
  /** Read the messages behind this position. Without it, read the latest. */
  readonly after?: ChannelPosition | undefined;
  /** The maximum number of messages, the latest ones. May be 0. */
  readonly limit: number;
}

/** A part of the history of a channel. */
export interface ChannelSlice {
  readonly epoch: string;
  /** The highest offset of this epoch; 0 if it has no messages. */
  readonly last: number;
  /** In order. */
  readonly entries: readonly ChannelEntry[];
  /** Whether the slice contains all messages behind the requested position. False if some were removed, or belong to another epoch. */
  readonly isComplete: boolean;
}

/**
 * Stores the history of channels and emits new entries. All messages of a channel pass through its log, so hubs on several servers that
 * share a log serve the same channels.
 *
 * Offsets rise with each message of a channel, by one or more. They belong to an epoch. A log that lost data and cannot continue starts a
 * new epoch. Results are returned synchronously or as an Observable.
 */
export interface ChannelLog {
  /** Appends a message and returns its position. Consecutive messages of one server keep their order. */
  append(channel: string, message: Message): MaybeAsync<ChannelPosition>;
  read(channel: string, query: ChannelQuery): MaybeAsync<ChannelSlice>;
  /**
   * Sends a message to the tails of a channel, on all servers, without storing it. It may be lost. Without this method, a hub delivers
   * such a message to its own members only.
   *
   * @throws The reason, when the message cannot be sent.
   */
  broadcast?(channel: string, message: Message): void;
  /**
   * Emits each message from the time of subscription on, from all servers, in order. A read after the subscription leaves no gap to the
   * tail. An error means that messages may be missing: the hub subscribes again and reads the missed messages.
   */
  tail(channel: string): Observable<ChannelEntry | ChannelBroadcast>;
}
