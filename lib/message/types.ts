import type {
  ChannelAway,
  ChannelDelivery,
  ChannelEnd,
  ChannelHistoryRequest,
  ChannelJoin,
  ChannelJoined,
  ChannelLeave,
  ChannelPast,
  ChannelPresence,
  ChannelPublish,
  ChannelPublished,
  ChannelRefused,
  ChannelUpdate,
  ChannelWatch,
} from './channelTypes.js';
import type { MessagePriority } from './messagePriority.js';

/**
 * The payload of each `type`. An application adds its own types to this map; `createMessage`,
 * `ofType`, routes and handlers use them. It may also narrow the payloads of {@link
 * SharedMessageTypes}.
 *
 * @example
 * import type { ExecutionPayload, MessageTypes } from 'rxwire';
 *
 * declare module 'rxwire' {
 *   interface MessageTypes {
 *     'chat.said': { readonly room: string; readonly text: string };
 *     'execution.output': ExecutionPayload & { readonly data: string };
 *   }
 * }
 */
export interface MessageTypes extends SharedMessageTypes {
  'system.undecodable': UndecodablePayload;
  'system.hello': HelloPayload;
  'system.welcome': WelcomePayload;
  'channel.join': ChannelJoin;
  'channel.joined': ChannelJoined;
  'channel.refused': ChannelRefused;
  'channel.away': ChannelAway;
  'channel.leave': ChannelLeave;
  'channel.watch': ChannelWatch;
  'channel.update': ChannelUpdate;
  'channel.publish': ChannelPublish<Message>;
  'channel.published': ChannelPublished;
  'channel.message': ChannelDelivery<Message>;
  'channel.presence': ChannelPresence;
  'channel.reset': null;
  'channel.ended': ChannelEnd;
  'channel.history': ChannelHistoryRequest;
  'channel.past': ChannelPast<Message>;
  ack: AckPayload;
  batch: BatchPayload;
  reply: unknown;
  'reply.last': unknown;
  'reply.complete': null;
  'reply.error': ReplyErrorPayload;
  'reply.progress': unknown;
  'request.cancel': null;
}

/** The payloads that applications share. Each may narrow them in {@link MessageTypes}. */
export interface SharedMessageTypes {
  'execution.start': ExecutionPayload;
  'execution.output': ExecutionPayload;
  'execution.complete': ExecutionPayload;
  'execution.error': ExecutionPayload;
  'file.upload': FilePayload;
  'file.download': FilePayload;
  'file.delete': FilePayload;
  'file.change': FilePayload;
  'resource.metrics': ResourcePayload;
  'resource.warning': ResourcePayload;
  'resource.limit': ResourcePayload;
  'system.heartbeat': SystemPayload;
  'system.ping': SystemPayload;
  'system.pong': SystemPayload;
  'system.shutdown': SystemPayload;
}

/** The types known at compile time. Any other string is allowed, too; its payload is `unknown`. */
export type MessageType = keyof MessageTypes & string;

/** The payload of a type; `unknown` if the type is not declared. */
export type PayloadOf<T extends string> = T extends MessageType ? MessageTypes[T] : unknown;

/** Small JSON values that a message has besides its payload, by name, for the application. */
export type MessageHeaders = Readonly<Record<string, unknown>>;

/** Data about the delivery of a message, and what an application adds: JSON values. */
export interface MessageMetadata {
  /** How often the message was tried again; `consume`, `route` and queues count it up. */
  readonly retryCount?: number;
  /** How often the message may be tried again, in place of the option `retry` of the receiver. */
  readonly maxRetries?: number;
  /** Identifies the delivery. Replies have their number within their stream. */
  readonly deliveryTag?: string;
  /** The text that `route` matches with `by: 'routingKey'`. */
  readonly routingKey?: string;
  /** The sender waits for an answer: `request` sets it. */
  readonly request?: boolean;
  /** Raises at-most-once to at-least-once for this message, unless it has a `delivery`. */
  readonly persistent?: boolean;
  /** The payload is compressed; this library does not act on it. */
  readonly compressed?: boolean;
  /** The payload is encrypted. */
  readonly encrypted?: boolean;
  readonly [field: string]: unknown;
}

/** The envelope of one message. `type` determines the type of `payload`. */
export interface Message<T extends string = string, P = PayloadOf<T>> {
  /** Identifies the message, for acks and deduplication. @default 21 random characters */
  readonly id: string;
  readonly type: T;
  /** When the message was created, in ms since the epoch, by the clock of the sender. */
  readonly timestamp: number;
  /** The version of the envelope. @default '1.0' */
  readonly version: string;
  /** The sender. A wire sets its own id if this is empty. */
  readonly source: string;
  readonly payload: P;
  readonly target?: string;
  /** The id of the message that this one replies to or acks. */
  readonly correlationId?: string;
  /** The address for replies. */
  readonly replyTo?: string;
  /** The lifetime of the message, in ms from `timestamp`; a message with 0 has expired at once. */
  readonly ttl?: number;
  /** @default NORMAL (1) */
  readonly priority?: MessagePriority;
  readonly headers?: MessageHeaders;
  readonly metadata?: MessageMetadata;
  /** The delivery guarantee, if it is not that of the wire. It is not transmitted. */
  readonly delivery?: Delivery;
}

/**
 * A message of one of the types of a map: the union that `type` discriminates. With it, an
 * application has a map of its own for each wire, beside {@link MessageTypes} or in its place;
 * types that are not in the map are compile errors.
 *
 * @example
 * import { connect, ofType, webSocket } from 'rxwire';
 *
 * interface ChatMessages {
 *   'chat.said': { readonly text: string };
 * }
 * const wire = connect<ChatMessages>({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * wire.pipe(ofType('chat.said')).subscribe(({ payload }) => console.log(payload.text));
 */
export type MessageIn<Types extends object> = { [T in keyof Types & string]: Message<T, Types[T]> }[keyof Types & string];

/** A map of all types, with unknown payloads: that of a wire without a map of its own. */
export type AnyTypes = Readonly<Record<string, unknown>>;

/** The start of an execution, a part of its output, or its end. */
export interface ExecutionPayload {
  readonly executionId: string;
  readonly sandboxId: string;
  /** The code, the output, a chart, a result … */
  readonly data?: unknown;
  /** Why the execution has failed. */
  readonly error?: ExecutionFailure;
}

/** The error of an execution. It may have more fields. */
export interface ExecutionFailure {
  readonly name?: string;
  readonly message: string;
  readonly code?: string | number;
  readonly stack?: string;
  readonly [field: string]: unknown;
}

/** An operation on a file, or a change of a file. */
export interface FilePayload {
  readonly sandboxId: string;
  readonly path: string;
  readonly operation: FileOperation;
  /** From 0 to 1. */
  readonly progress?: number;
  readonly result?: unknown;
}

/** The usual operations on files, and any other. */
export type FileOperation =
  'upload' | 'download' | 'create' | 'read' | 'write' | 'update' | 'delete' | 'rename' | 'move' | 'copy' | (string & {});

/** The resources that a sandbox uses. */
export interface ResourcePayload {
  readonly sandboxId: string;
  readonly metrics: ResourceMetrics;
  readonly thresholds?: ResourceMetrics;
  readonly alerts?: readonly ResourceAlert[];
}

/** Metrics or thresholds by name: `{ cpu: 0.4, memory: { used: 512, total: 1_024 } }`. */
export interface ResourceMetrics {
  readonly cpu?: ResourceMetric;
  readonly memory?: ResourceMetric;
  readonly disk?: ResourceMetric;
  readonly network?: ResourceMetric;
  readonly [name: string]: ResourceMetric | undefined;
}

/** One metric: a number, or its parts by name. */
export type ResourceMetric = number | { readonly [part: string]: unknown };

/** A metric that has passed its threshold. It may have more fields. */
export interface ResourceAlert {
  readonly metric: string;
  readonly level: 'info' | 'warning' | 'critical' | (string & {});
  readonly value: number;
  readonly threshold: number;
  readonly message?: string;
  readonly [field: string]: unknown;
}

/** The state of one side. */
export interface SystemPayload {
  readonly status?: string;
  readonly timestamp: number;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** A dead letter for a batch that the receiver could not decode. No side sends it. */
export interface UndecodablePayload {
  /** The number of the first message of the batch. */
  readonly number: number;
  /** The number of messages in the batch. */
  readonly count: number;
  /** The codec that could not decode the batch. */
  readonly codec: string;
  /** The length of the encoded batch, in bytes; for text, in characters. */
  readonly size: number;
  /** The encoded batch, or its first 65,536 bytes or characters. */
  readonly body: string | Uint8Array;
}

/** The first message of a client on each connection. */
export interface HelloPayload {
  /** A secret of the client that identifies the wire across connections. */
  readonly session: string;
  /** Whether the client was connected with this session before. */
  readonly resume: boolean;
  readonly delivery: Exclude<Delivery, 'exactly-once'>;
}

/** The server's answer to `system.hello`. */
export interface WelcomePayload {
  /** False when the server did not know the session: its undelivered messages are lost. */
  readonly resumed: boolean;
}

/** `correlationId` of the envelope is the id of the acked message. */
export type AckPayload = null;

/** Several messages in one. */
export interface BatchPayload {
  readonly batchKey: string;
  readonly messages: readonly Message[];
  readonly count: number;
}

/** The reason why a request failed. */
export interface ReplyErrorPayload {
  readonly code: string;
  readonly message: string;
}

/** The delivery guarantee of a message; see docs/semantics.md. */
export type Delivery = 'at-most-once' | 'at-least-once' | 'exactly-once';

/** A message of any type. */
export type BaseMessage = Message;

/** A message about an execution; `type` identifies it. */
export type ExecutionMessage = MessagesOf<'execution'>;

/** A message about a file; `type` identifies it. */
export type FileMessage = MessagesOf<'file'>;

/** A message about the resources of a sandbox; `type` identifies it. */
export type ResourceMessage = MessagesOf<'resource'>;

/** A message about the state of one side; `type` identifies it. */
export type SystemMessage = MessagesOf<'system'>;

type MessagesOf<Group extends string> = { [T in keyof SharedMessageTypes & `${Group}.${string}`]: Message<T> }[keyof SharedMessageTypes &
  `${Group}.${string}`];
