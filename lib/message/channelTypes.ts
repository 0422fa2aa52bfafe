/** A place in the history of a channel: offsets rise within an epoch, and say nothing across two. */
export interface ChannelPosition {
  /** Names one life of the history: a history that was lost begins anew under another name. */
  readonly epoch: string;
  readonly offset: number;
}

/** Somebody in a channel. */
export interface ChannelMember {
  readonly id: string;
  /** What the server tells of it to the others: plain data, and small. */
  readonly info?: unknown;
}

/** Why a server did not do what was asked: not allowed, too much, or broken. */
export type ChannelRefusal = 'forbidden' | 'limit' | 'full' | 'too-large' | 'failed';

/** A client wants to be in a channel, or to be told again that it is. */
export interface ChannelJoin {
  readonly channel: string;
  /** Counts the joins of this channel by this client; the answer names it. */
  readonly join: number;
  /** What it has had: all that came after that is wanted. */
  readonly after?: ChannelPosition;
  /** How many of the latest messages are wanted, where it has had none. @default 0 */
  readonly history?: number;
  /** Whether it wants to know who is in. @default false */
  readonly watch?: boolean;
}

/** The client is in. What it gets from now on comes behind `offset`. */
export interface ChannelJoined extends ChannelPosition {
  readonly channel: string;
  readonly join: number;
  /** The client itself, as the others see it. */
  readonly member: string;
  /** False when the server no longer has all that came after what the client has had. */
  readonly complete: boolean;
}

/** It is not in, or no longer; or what it has published was not let through: `correlationId` names what was refused. */
export interface ChannelRefused {
  readonly channel: string;
  readonly action: 'join' | 'publish';
  readonly reason: ChannelRefusal;
  readonly join?: number;
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
}

/** A message of a channel, on its way to a member. `M` is `Message`. */
export interface ChannelDelivery<M> extends ChannelPosition {
  readonly channel: string;
  /** The offset of the message before it, where that is not `offset` − 1. */
  readonly after?: number;
  readonly message: M;
}

/** Who has come and gone since the last time; with `reset`, all who are in. */
export interface ChannelPresence {
  readonly channel: string;
  readonly entered: readonly ChannelMember[];
  /** Their ids. */
  readonly left: readonly string[];
  readonly reset?: boolean;
  /** More of the same list is to come. */
  readonly more?: boolean;
}
