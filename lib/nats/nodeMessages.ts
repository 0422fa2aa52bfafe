import { msgpack } from '../codec/msgpack.js';
import { createMessage } from '../message/createMessage.js';
import type { ChannelMember } from '../message/channelTypes.js';
import { NAME_PATTERN } from '../message/messageLimits.js';

/** A member, as the nodes of a cluster describe it to one another. */
export interface ClusterMember extends ChannelMember {
  /**
   * Orders the states of a member: all nodes keep the state with the highest clock, and among equal
   * clocks that with the highest `by`. 0: the state was not set.
   */
  readonly clock: number;
  /** The node that has set the state; empty if none has. */
  readonly by: string;
}

/** A channel, and a version of a node. */
export type ChannelVersion = readonly [channel: string, version: number];

/**
 * A node is there, and has the version. Since the version `since`, its members have changed in
 * these channels, last with these versions.
 */
export interface PresenceHeartbeat {
  readonly kind: 'heartbeat';
  readonly version: number;
  readonly since: number;
  readonly channels: readonly ChannelVersion[];
}

/**
 * Members of a node have entered or changed (`set`), or left. `after` is the version of the
 * previous delta of the channel; 0: the node had no members.
 */
export interface PresenceDelta {
  readonly kind: 'delta';
  readonly after: number;
  readonly version: number;
  readonly set: readonly ClusterMember[];
  readonly left: readonly string[];
}

/** Answers: all changes up to `version` are contained. */
export interface PresenceSnapshot {
  readonly kind: 'snapshot';
  readonly version: number;
  readonly parts: readonly SnapshotPart[];
}

/** A part of the members of one channel at one node. */
export interface SnapshotPart {
  readonly channel: string;
  /** The members are still those of the version in the request. @default false */
  readonly isSame?: boolean;
  /** Whether it is the first, or the last part of the channel. */
  readonly isFirst: boolean;
  readonly isLast: boolean;
  readonly members: readonly ClusterMember[];
}

/**
 * The messages of the nodes of a cluster about presence. `node` is the sender: a random text for
 * each run of a node. A node counts its changes: each of its deltas has the next version.
 */
export type NodeMessage = { readonly node: string } & (
  | PresenceHeartbeat
  | PresenceDelta
  /**
   * Requests the members of channels at one node. The version is the one that the asking node has;
   * −1: none.
   */
  | { readonly kind: 'ask'; readonly channels: readonly ChannelVersion[] }
  | PresenceSnapshot
  /** The node and all of its members have left. */
  | { readonly kind: 'bye' }
);

/** The state of a client may have 32 levels; a message adds some. */
const codec = msgpack({ maxDepth: 48 });

/** @throws {EncodeError} If a member has something that MessagePack does not support. */
export function encodeNodeMessage({ kind, node, ...payload }: NodeMessage): Uint8Array {
  return codec.encode([createMessage(`presence.${kind}`, payload, { id: node, timestamp: 0 })]) as Uint8Array;
}

const sizes = new WeakMap<ChannelMember, number>();

/**
 * Returns the size of a member in a message, in bytes.
 * @throws {EncodeError} If it has something that MessagePack does not support.
 */
export function memberSize(member: ChannelMember): number {
  const known = sizes.get(member);
  if (known !== undefined) return known;
  const { length } = codec.encode([createMessage('presence.member', member, { id: member.id, timestamp: 0 })]);
  sizes.set(member, length);
  return length;
}

/**
 * @throws {DecodeError} If the bytes are not a message.
 * @throws {TypeError} If a field is invalid: the node may be of another version.
 */
export function decodeNodeMessage(data: Uint8Array): NodeMessage {
  const [message] = codec.decode(data);
  if (!message) throw new TypeError('there is no message');
  const fields = fieldsOf(message.payload);
  const node = textOf(message.id, 'node');
  const count = (field: string): number => countOf(fields[field], field);
  const list = <T>(field: string, read: (value: unknown) => T): readonly T[] => listOf(fields[field], field).map(read);
  switch (message.type) {
    case 'presence.heartbeat':
      return { kind: 'heartbeat', node, version: count('version'), since: count('since'), channels: list('channels', channelVersionOf) };
    case 'presence.bye':
      return { kind: 'bye', node };
    case 'presence.delta': {
      const left = list('left', (id) => textOf(id, 'left'));
      return { kind: 'delta', node, after: count('after'), version: count('version'), set: list('set', memberOf), left };
    }
    case 'presence.ask':
      return { kind: 'ask', node, channels: list('channels', channelVersionOf) };
    case 'presence.snapshot':
      return { kind: 'snapshot', node, version: count('version'), parts: list('parts', partOf) };
    default:
      throw new TypeError(`a message of the unknown type ${message.type}`);
  }
}

function partOf(value: unknown): SnapshotPart {
  const { channel, isSame, isFirst, isLast, members } = fieldsOf(value);
  return {
    channel: textOf(channel, 'channel'),
    isSame: isSame === true,
    isFirst: isFirst === true,
    isLast: isLast === true,
    members: listOf(members, 'members').map(memberOf),
  };
}

function memberOf(value: unknown): ClusterMember {
  const { id, info, state, clock, by } = fieldsOf(value);
  return {
    id: textOf(id, 'id'),
    ...(info != null && { info }),
    ...(state != null && { state }),
    clock: countOf(clock, 'clock'),
    by: by === '' ? '' : textOf(by, 'by'),
  };
}

function channelVersionOf(value: unknown): ChannelVersion {
  const [channel, version] = listOf(value, 'channels');
  return [textOf(channel, 'channel'), version === -1 ? -1 : countOf(version, 'version')];
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function countOf(value: unknown, field: string): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new TypeError(`"${field}" must be a whole number >= 0`);
}

function textOf(value: unknown, field: string): string {
  if (typeof value === 'string' && NAME_PATTERN.test(value)) return value;
  throw new TypeError(`"${field}" must match ${NAME_PATTERN.source}`);
}

function listOf(value: unknown, field: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new TypeError(`"${field}" must be an array`);
}
