import type { ObservableInput, SchedulerLike } from 'rxjs';
import { anything, notNegative, positive, type OptionTable, type ReadOptions } from '../../message/options/readOptions.js';
import type { ChannelAction, ChannelMember } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import type { ChannelLog } from '../../channels/channelLog.js';
import type { ClusterPresence } from '../../channels/clusterPresence.js';

/** A request of a client that needs permission. */
export interface ChannelRequest<W extends Wire = Wire> {
  readonly wire: W;
  /** The client, as other members see it. */
  readonly member: ChannelMember;
  readonly channel: string;
  readonly action: ChannelAction;
  /** Whether the client is a member of the channel at the moment. */
  readonly isMember: boolean;
  /**
   * With `publish` and `end`: the message to publish. Its `delivery` is `at-most-once` for an
   * ephemeral message, and not set for others.
   */
  readonly message?: Message;
  /** With `presence`: the new state of the member. */
  readonly state?: unknown;
}

/**
 * The answer of `authorize`. Only `true` grants permission. `reason` is a text for the user of the
 * client, of 256 characters at most.
 */
export type Authorization = boolean | { readonly reason: string };

/** An error, an empty result and a timeout deny permission, with the reason `forbidden`. */
export type Authorize<W extends Wire = Wire> = (request: ChannelRequest<W>) => Authorization | ObservableInput<Authorization>;

export interface HubOptions<W extends Wire = Wire> {
  /** The log with the history of the channels. @default memoryChannelLog() */
  readonly log?: ChannelLog;
  /**
   * Shares the members of the channels with the hubs of other nodes.
   * @default the hub has only the members of its own process
   */
  readonly presence?: ClusterPresence;
  /**
   * Decides whether a client may join, publish, end the channel, or update its presence. Called for
   * each join, message and update: for the messages of a client one after the other, and for up to
   * 8 of its joins at once. Called twice for the end of a channel: with the action `publish`, and,
   * if that is granted, with `end`.
   * @default all clients may do everything, but not end a channel
   */
  readonly authorize?: Authorize<W>;
  /** The timeout of an authorization, in ms. @default 10_000 */
  readonly authorizeTimeout?: number;
  /**
   * Returns the public identity of a client: an id and optional information. Wires with the same id
   * are one member.
   * @default the id of the server's wire
   */
  readonly identify?: (wire: W) => string | ChannelMember;
  /**
   * How long a member stays in `presence$` after its page was closed or left, in ms: a page that is
   * loaded again, as the same member, returns in this time, and the others see no change.
   * @default 5_000 with `identify`. Otherwise 0: a page that is loaded again is another member
   */
  readonly reloadGrace?: number;
  /**
   * How long a member stays in `presence$` after its connection was lost, in ms. Its session
   * continues, and the member enters again when it returns.
   * @default Infinity: the member stays until its session ends
   */
  readonly lostGrace?: number;
  /** The `source` of messages that the server publishes without one. @default 'hub' */
  readonly id?: string;
  /**
   * The maximum number of channels of a client, and of its requests for older messages that are not
   * answered yet.
   * @default 100
   */
  readonly maxChannels?: number;
  /** The maximum number of clients in a channel. @default 10_000 */
  readonly maxMembers?: number;
  /** The maximum number of past messages that a joining client receives. @default 1_000 */
  readonly maxReplay?: number;
  /**
   * The maximum size of a published message in bytes, as each codec of the server encodes it,
   * without compression. At most 2 KiB less than `maxFrame` of the server.
   * @default 262_144: 256 KiB
   */
  readonly maxSize?: number;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
  /**
   * Schedules the presence messages, which combine the changes of one run.
   * @default asapScheduler: at the end of the microtask
   */
  readonly microtask?: SchedulerLike;
}

/** The rules and defaults of the options above. */
export const HUB_OPTIONS = {
  authorizeTimeout: [positive, 10_000],
  reloadGrace: [notNegative],
  lostGrace: [notNegative, Infinity],
  id: [anything, 'hub'],
  maxChannels: [positive, 100],
  maxMembers: [positive, 10_000],
  maxReplay: [positive, 1_000],
  maxSize: [positive, 262_144],
} as const satisfies OptionTable<HubOptions>;

export type HubSettings = HubOptions & ReadOptions<HubOptions, typeof HUB_OPTIONS>;
