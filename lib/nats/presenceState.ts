import type { Observable, SchedulerLike, Unsubscribable } from 'rxjs';
import type { RxwireError } from '../errors.js';
import type { PresenceChannel } from './presenceChannel.js';
import type { PresencePeer } from './presencePeer.js';

/** The plain subjects of NATS, as presence uses them. */
export interface CoreSubjects {
  /** @throws If the message cannot be sent. */
  publish(subject: string, data: Uint8Array): void;
  subscribe(subject: string, next: (data: Uint8Array) => void): Unsubscribable;
  readonly isConnected: () => boolean;
  readonly reconnected$: Observable<void>;
  /** The maximum size of a message, in bytes. */
  readonly maxPayload: () => number;
}

/** The names of the subjects. */
export interface PresenceSubjects {
  /** The subject of heartbeats, which all nodes receive. */
  readonly nodes: string;
  /** The subject of the requests to one node, and of the answers to it. */
  readonly to: (node: string) => string;
  /**
   * The subject of the changes of a channel.
   * @throws {TypeError} If the name of the channel is
   * invalid.
   */
  readonly channel: (name: string) => string;
}

export interface PresenceNodeOptions {
  /** Names this run of the node: random. */
  readonly node: string;
  readonly core: CoreSubjects;
  readonly subjects: PresenceSubjects;
  readonly scheduler: SchedulerLike;
  readonly report: (error: RxwireError) => void;
}

/** The state that the parts of a node share. */
export interface PresenceState extends PresenceNodeOptions {
  readonly channels: Map<string, PresenceChannel>;
  readonly peers: Map<string, PresencePeer>;
  /** The ticks of the node, and those since it has last received its own heartbeat. */
  ticks: number;
  silence: number;
}

/** Forgets a channel that has no members of this node, nothing to publish, and no subscriber. */
export function dropIfIdle({ channels }: PresenceState, channel: PresenceChannel): void {
  if (channel.users === 0 && channel.touched.size === 0 && channel.members.own.size === 0) channels.delete(channel.name);
}
