/** A position in the history of a channel. Offsets rise, and belong to their epoch. */
export interface ChannelPosition {
  /** Identifies the history: a history that was lost starts again with another epoch. */
  readonly epoch: string;
  readonly offset: number;
}

/** A member of a channel. */
export interface ChannelMember {
  readonly id: string;
  /** Small plain data about the member, which the server sends to the others. */
  readonly info?: unknown;
  /** The state that the member has last set with `updatePresence`. */
  readonly state?: unknown;
}

/** A member publishes its state: at most 4 KiB. Without `state`, or with `null`, it has none. */
export interface ChannelUpdate {
  readonly channel: string;
  readonly state?: unknown;
}

/**
 * The reason why a hub refused a request, unless `authorize` has given another one: not allowed,
 * too much, with a value that a codec of the server cannot carry, not encrypted though the message
 * says so, unreadable, ended, removed by the server, no hub that serves the wire, or an error.
 */
export type ChannelRefusal =
  'forbidden' | 'limit' | 'full' | 'too-large' | 'unsupported' | 'not-encrypted' | 'invalid' | 'ended' | 'removed' | 'no-hub' | 'failed';

/** How a channel has ended: the payload of its last message, of the type `channel.ended`. */
export interface ChannelEnd {
  /**
   * `completed`: the writer has finished. `failed`: the writer has given it up. `interrupted`: the
   * process of the writer has ended.
   */
  readonly status: 'completed' | 'failed' | 'interrupted';
  /** A text of up to 256 characters. */
  readonly reason?: string;
}

/** A request of a client to join a channel, or to confirm that it has joined. */
export interface ChannelJoin {
  readonly channel: string;
  /** The number of the join, counted by the client for each channel; the response repeats it. */
  readonly join: number;
  /** The position of the latest message of the client: it requests all messages after it. */
  readonly after?: ChannelPosition;
  /** Whether the client requests all stored messages, without `after`. @default false */
  readonly start?: boolean;
  /** The number of latest messages to request, without `after` and `start`. @default 0 */
  readonly history?: number;
  /** Whether the client requests presence. @default false */
  readonly watch?: boolean;
}

/** The client has joined. The messages that it receives from now on follow `offset`. */
export interface ChannelJoined extends ChannelPosition {
  readonly channel: string;
  readonly join: number;
  /** The id of the client as a member. */
  readonly member: string;
  /** False when the server does not have all messages after the client's position any more. */
  readonly complete: boolean;
}

/** A request of a client that a hub may refuse. */
export type ChannelAction = 'join' | 'publish' | 'end' | 'presence';

/**
 * The client has not joined, was removed, or may not publish a message, the end of the channel, or
 * its state: `correlationId` is the id of the refused message.
 */
export interface ChannelRefused {
  readonly channel: string;
  readonly action: ChannelAction;
  /** A {@link ChannelRefusal}, or the text that `authorize` has given. */
  readonly reason: string;
  readonly join?: number;
}

/** The page of the client enters the back/forward cache, or is shown again. */
export interface ChannelAway {
  readonly away: boolean;
}

export interface ChannelLeave {
  readonly channel: string;
}

export interface ChannelWatch {
  readonly channel: string;
  readonly watch: boolean;
}

/** `M` is `Message`. */
export interface ChannelPublish<M> {
  readonly channel: string;
  readonly message: M;
  /** Whether the message is for the present members only, not for the history. @default false */
  readonly ephemeral?: boolean;
  /** Whether the hub answers with `channel.published`. @default false */
  readonly confirm?: boolean;
}

/** The hub has published the message `correlationId`. An ephemeral message has no position. */
export interface ChannelPublished extends Partial<ChannelPosition> {
  readonly channel: string;
}

/** A message of a channel for a member. An ephemeral message has no position. `M` is `Message`. */
export interface ChannelDelivery<M> extends Partial<ChannelPosition> {
  readonly channel: string;
  /** The offset of the previous message, if it is not `offset` − 1. */
  readonly after?: number;
  /** Absent with `lost`. */
  readonly message?: M;
  /** The server cannot send the message at this position to this client. */
  readonly lost?: 'undeliverable';
}

/** A request of a client for older messages. */
export interface ChannelHistoryRequest {
  readonly channel: string;
  /** Messages in front of this position are requested. @default the latest ones */
  readonly before?: ChannelPosition;
  /** The maximum number of messages. */
  readonly limit: number;
}

/** A part of older messages. `correlationId` is the id of the request. `M` is `Message`. */
export interface ChannelPast<M> {
  readonly channel: string;
  /** In order. The server cannot send a message without `message` to this client. */
  readonly entries: readonly (ChannelPosition & Pick<ChannelDelivery<M>, 'message' | 'lost'>)[];
  /** Whether another part of the same answer follows. */
  readonly more: boolean;
}

/** The changes of the members since the last presence message; with `reset`, all members. */
export interface ChannelPresence {
  readonly channel: string;
  readonly entered: readonly ChannelMember[];
  /** The ids of the members that have left. */
  readonly left: readonly string[];
  /** The members whose state has changed. */
  readonly updated?: readonly ChannelMember[];
  readonly reset?: boolean;
  /** Whether another part of the same list follows. */
  readonly more?: boolean;
}
