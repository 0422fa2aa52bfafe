import type { Observable } from 'rxjs';
import type { MaybeAsync } from '../message/maybeAsync.js';
import type { ChannelPosition } from '../message/channelTypes.js';
import type { Message } from '../message/types.js';

/** A message in the history of a channel. */
export interface ChannelEntry extends ChannelPosition {
  readonly message: Message;
  /**
   * The offset of the first entry that this one stands for. Only of a {@link ChannelLog.compact |
   * compacted} entry.
   * @default that of the entry
   */
  readonly first?: number;
}

/** A message for the present members of a channel, which is not in the history. */
export interface ChannelBroadcast {
  readonly message: Message;
  readonly epoch?: never;
  readonly offset?: never;
}

/**
 * The part of a history to read: with `after`, the first messages behind a position; with `before`,
 * the last messages in front of one; with neither, the latest. With both, the first messages behind
 * `after` that are in front of `before`, none of them {@link ChannelLog.compact | compacted}.
 */
export interface ChannelQuery {
  /** Read forwards, from the message behind this position. `'start'`: from the oldest message. */
  readonly after?: ChannelPosition | 'start' | undefined;
  /** Read backwards, from the message in front of this position. */
  readonly before?: ChannelPosition | undefined;
  /**
   * The maximum number of messages. May be 0. A log may return fewer: the first ones of the part.
   * The reader then reads on behind them.
   */
  readonly limit: number;
  /**
   * The maximum size of the messages, in bytes. A log returns one at least, and may ignore this.
   * @default 262_144: 256 KiB
   */
  readonly maxBytes?: number | undefined;
  /**
   * The reader knows which keys are removed up to this offset. Only for keyed channels.
   * @default that of `after`
   */
  readonly since?: number | undefined;
}

/** A part of the history of a channel. */
export interface ChannelSlice {
  readonly epoch: string;
  /** The highest offset of this epoch; 0 if it has no messages. */
  readonly last: number;
  /** In order: at least one, if the log has one in the requested part and `limit` is not 0. */
  readonly entries: readonly ChannelEntry[];
  /**
   * Whether no message is missing between the requested position and the first entry, or the end:
   * false if some were removed, or belong to another epoch. The end of the channel is never
   * missing.
   */
  readonly isComplete: boolean;
  /** The next read begins behind this offset. Only of keyed channels. @default the last entry */
  readonly reached?: number;
  /** The entry that has ended the channel, also when it is removed or not in the slice. */
  readonly end?: ChannelEntry;
}

/** A channel that a log keeps. */
export interface ChannelInfo {
  readonly name: string;
  /** The position of the latest message. */
  readonly last: ChannelPosition;
  /** The time of the latest message, in ms since 1970. */
  readonly at: number;
  /** Whether the channel has ended. */
  readonly hasEnded: boolean;
}

/** How much of a channel a log keeps. A limit that is not set is that of the log. */
export interface ChannelRetention {
  /** The maximum number of messages. */
  readonly messages?: number;
  /** The maximum estimated size of the messages, in bytes. */
  readonly bytes?: number;
  /** The maximum age of a message, in ms; of a channel that has ended, the age of its end. */
  readonly age?: number;
}

/**
 * Stores the history of channels and emits new entries. All messages of a channel pass through its
 * log, so hubs on several servers that share a log serve the same channels.
 *
 * Offsets rise with each message of a channel, by one or more. They belong to an epoch. A log that
 * lost data and cannot continue starts a new epoch. Results are returned synchronously or as an
 * Observable.
 */
export interface ChannelLog {
  /**
   * Appends a message and returns its position. Consecutive messages of one server keep their
   * order. A message of the type `channel.ended` ends the channel, which should be kept, and
   * removed, as a whole from then on.
   *
   * @throws {ChannelEndedError} When the channel has ended; also delivered.
   */
  append(channel: string, message: Message): MaybeAsync<ChannelPosition>;
  read(channel: string, query: ChannelQuery): MaybeAsync<ChannelSlice>;
  /**
   * Returns whether the log may have given out a position, as `read` decides it. A log that
   * continues its epoch after a loss needs this method for keyed channels.
   * @default it has given out all positions of its epoch
   */
  isKnown?(channel: string, position: ChannelPosition): MaybeAsync<boolean>;
  /**
   * Whether `append` stores a repeat once, and returns the position of the first one. A repeat has
   * the same id and the same publisher: the last 16 characters of the `source` behind a space, or
   * else the whole `source`.
   * @default the hub compares the latest messages: up to 1,024 of a channel
   */
  readonly dropsRepeats?: boolean;
  /**
   * Sends a message to the tails of a channel, on all servers, without storing it. It may be lost.
   * Without this method, a hub delivers such a message to its own members only.
   *
   * @throws The reason, when the message cannot be sent.
   */
  broadcast?(channel: string, message: Message): void;
  /**
   * Emits each message from the time of subscription on, from all servers, in order. A read after
   * the subscription leaves no gap to the tail. An error means that messages may be missing: the
   * hub subscribes again and reads the missed messages.
   */
  tail(channel: string): Observable<ChannelEntry | ChannelBroadcast>;
  /**
   * Sets how much of a channel is kept. Called before the first message of the channel in this
   * process. Without this method, all channels have the limits of the log.
   */
  retain?(channel: string, retention: ChannelRetention): void;
  /**
   * Stores an entry that stands for all entries from its `first` to its offset. A reader whose next
   * entry is `first` gets it in their place; a reader in between gets the original entries. So each
   * position stays valid. Without this method, a hub compacts nothing.
   */
  compact?(channel: string, entry: Required<ChannelEntry>): MaybeAsync<void>;
  /** Emits the channels whose names begin with `prefix`, ordered by name, and completes. */
  list?(prefix: string): Observable<ChannelInfo>;
}
