import { msgpack } from '../../codec/msgpack.js';
import type { ChannelMember } from '../../message/channelTypes.js';
import { createMessage } from '../../message/createMessage.js';
import { NAME_PATTERN } from '../../message/messageLimits.js';

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

export type ChannelVersion = readonly [channel: string, version: number];

/** Reads a field. The node that has written it may be of another version. */
type Field = (value: unknown, name: string) => unknown;
type Fields<T extends Readonly<Record<string, Field>>> = { readonly [K in keyof T]: ReturnType<T[K]> };

const count = (value: unknown, name: string): number => {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new TypeError(`"${name}" must be a whole number >= 0`);
};
const text = (value: unknown, name: string): string => {
  if (typeof value === 'string' && NAME_PATTERN.test(value)) return value;
  throw new TypeError(`"${name}" must match ${NAME_PATTERN.source}`);
};
const flag = (value: unknown): boolean => value === true;
const list =
  <T>(read: (value: unknown, name: string) => T) =>
  (value: unknown, name: string): readonly T[] => {
    if (Array.isArray(value)) return value.map((item: unknown) => read(item, name));
    throw new TypeError(`"${name}" must be an array`);
  };
const channelVersion = (value: unknown): ChannelVersion => {
  const [channel, version] = list((item) => item)(value, 'channels');
  return [text(channel, 'channel'), version === -1 ? -1 : count(version, 'version')];
};
const member = (value: unknown): ClusterMember => {
  const { id, info, state, clock, by } = Object(value) as Record<string, unknown>;
  const fields = { id: text(id, 'id'), clock: count(clock, 'clock'), by: by === '' ? '' : text(by, 'by') };
  return { ...fields, ...(info != null && { info }), ...(state != null && { state }) };
};

const PART = {
  channel: text,
  /** The members are still those of the version in the request. */
  isSame: flag,
  /** Whether it is the first, or the last part of the channel. */
  isFirst: flag,
  isLast: flag,
  members: list(member),
};
export type SnapshotPart = Fields<typeof PART>;

const MESSAGES = {
  /**
   * The node is there, and has the version. Since the version `since`, its members have changed in
   * these channels, last with these versions.
   */
  heartbeat: { version: count, since: count, channels: list(channelVersion) },
  /**
   * Members of the node have entered or changed (`set`), or left. `after` is the version of the
   * previous delta of the channel; 0: the node had no members.
   */
  delta: { after: count, version: count, set: list(member), left: list(text) },
  /** Requests members of one node. The version is the one that is known; −1: none. */
  ask: { channels: list(channelVersion) },
  /** Answers: all changes up to `version` are contained. */
  snapshot: { version: count, parts: list((value): SnapshotPart => readFields(PART, value)) },
  /** The node and all of its members have left. */
  bye: {},
};

type Kinds = typeof MESSAGES;
export type PresenceHeartbeat = Fields<Kinds['heartbeat']>;
export type PresenceDelta = Fields<Kinds['delta']>;

/**
 * The messages of the nodes of a cluster about presence. `node` is the sender: a random text for
 * each run of a node. A node counts its changes: each of its deltas has the next version.
 */
export type NodeMessage = { [K in keyof Kinds]: { readonly kind: K; readonly node: string } & Fields<Kinds[K]> }[keyof Kinds];

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
export function memberSize(one: ChannelMember): number {
  const known = sizes.get(one);
  if (known !== undefined) return known;
  const { length } = codec.encode([createMessage('presence.member', one, { id: one.id, timestamp: 0 })]);
  sizes.set(one, length);
  return length;
}

/**
 * @throws {DecodeError} If the bytes are not a message.
 * @throws {TypeError} If a field is invalid: the node may be of another version.
 */
export function decodeNodeMessage(data: Uint8Array): NodeMessage {
  const [message] = codec.decode(data);
  if (!message) throw new TypeError('there is no message');
  const kind = Object.keys(MESSAGES).find((known) => message.type === `presence.${known}`) as keyof Kinds | undefined;
  if (!kind) throw new TypeError(`a message of the unknown type ${message.type}`);
  return { kind, node: text(message.id, 'node'), ...readFields<Kinds[typeof kind]>(MESSAGES[kind], message.payload) } as NodeMessage;
}

function readFields<T extends Readonly<Record<string, Field>>>(fields: T, value: unknown): Fields<T> {
  const given = Object(value) as Record<string, unknown>;
  return Object.fromEntries(Object.entries(fields).map(([name, read]) => [name, read(given[name], name)])) as Fields<T>;
}
