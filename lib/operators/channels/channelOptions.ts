import type { SchedulerLike } from 'rxjs';
import { anything, positive, type OptionTable, type ReadOptions } from '../../message/options/readOptions.js';
import type { ChannelStart } from '../../channels/channelPosition.js';
import type { Message } from '../../message/types.js';

/** Stores texts by name: `localStorage`, `sessionStorage`, or a storage of your own. */
export interface PositionStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

export interface ChannelOptions {
  /** Where a new member begins to read. @default 'live' */
  readonly from?: ChannelStart;
  /**
   * Whether subscribers receive the messages that this channel has published itself. `false` omits
   * the latest 10,000 that have not arrived yet. Other clients of the same member receive them.
   * Positions and the history are the same.
   * @default true
   */
  readonly echo?: boolean;
  /**
   * Where the channel stores its position, under `rxwire:` and its name, at the end of each
   * microtask with messages. A later channel of this name, also of another page or process,
   * continues behind that position; `from` is for the first time.
   * @default the position is not stored
   */
  readonly remember?: PositionStorage;
  /**
   * How long the hub may take to answer, in ms: after this time the channel reports an unanswered
   * join as a `ChannelTimeoutError`, and repeats it, and `send` rejects a message that was acked
   * and not answered.
   * @default 10_000
   */
  readonly answerTimeout?: number;
  /**
   * Schedules the writes of `remember`, and the updates of presence.
   * @default asapScheduler: at the end of the microtask
   */
  readonly microtask?: SchedulerLike;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

/** The options of one message. */
export interface EchoOptions {
  /**
   * Whether the subscribers of this channel receive the message, too; see {@link ChannelOptions}.
   * @default `echo` of the channel
   */
  readonly echo?: boolean;
}

/** The rules and defaults of the options of a channel. */
export const CHANNEL_OPTIONS = {
  from: [anything, 'live'],
  echo: [anything, true],
  answerTimeout: [positive, 10_000],
} as const satisfies OptionTable<ChannelOptions>;

export type MemberOptions = ChannelOptions & ReadOptions<ChannelOptions, typeof CHANNEL_OPTIONS>;

/** A message of the past of a channel. */
export interface PastMessage {
  /** To be stored anywhere, and the `before` of a request for the messages in front of this one. */
  readonly position: string;
  readonly message: Message;
}

export interface HistoryRange {
  /**
   * Messages in front of this position are emitted: {@link Channel.position}, the position of a
   * {@link PastMessage}, or the result of `send`.
   * @default the latest ones
   */
  readonly before?: Exclude<ChannelStart, 'start' | 'live' | { readonly last: number }>;
  /**
   * The maximum number of messages. The server emits 1,000 at most, unless its `maxReplay` says
   * otherwise.
   * @default 100
   */
  readonly limit?: number;
}
