import type { ObservableInput, SchedulerLike } from 'rxjs';
import type { ChannelMember } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';
import type { ChannelLog } from './channelLog.js';

/** What a client wants to do. */
export interface ChannelRequest<W extends Wire = Wire> {
  readonly wire: W;
  /** The client, as the others see it. */
  readonly member: ChannelMember;
  readonly channel: string;
  readonly action: 'join' | 'publish';
  /** What is to be published. */
  readonly message?: Message;
}

/** Only `true` is a yes: an error, an empty answer, and none in time, are a no. */
export type Authorize<W extends Wire = Wire> = (request: ChannelRequest<W>) => boolean | ObservableInput<boolean>;

export interface HubOptions<W extends Wire = Wire> {
  /** Where the history of the channels is. @default memoryChannelLog() */
  readonly log?: ChannelLog;
  /** Whether a client may do what it wants; asked at each join and each publishing. @default everybody may do everything */
  readonly authorize?: Authorize<W>;
  /** How long that may take, in ms. @default 10_000 */
  readonly authorizeTimeout?: number;
  /** Who a client is to the others: an id, and what else they are told. Wires with the same id are one member. @default the id of the server's wire */
  readonly identify?: (wire: W) => string | ChannelMember;
  /** The `source` of what the server itself publishes, where that says none. @default 'hub' */
  readonly id?: string;
  /** Channels that a client may be in at once. @default 100 */
  readonly maxChannels?: number;
  /** Clients that may be in a channel at once. @default 10_000 */
  readonly maxMembers?: number;
  /** Messages of the past that who joins gets at most. @default 1_000 */
  readonly maxReplay?: number;
  /** About how many bytes a message that a client publishes may have. @default 262_144: 256 KiB */
  readonly maxSize?: number;
  /** Where the time comes from. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
  /** When members are told who came and went in one go. @default asapScheduler: at the end of the microtask */
  readonly microtask?: SchedulerLike;
}
