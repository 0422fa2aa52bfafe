import type {
  ChannelDelivery,
  ChannelJoin,
  ChannelJoined,
  ChannelLeave,
  ChannelPresence,
  ChannelPublish,
  ChannelPublished,
  ChannelRefused,
  ChannelWatch,
} from './channelTypes.js';
import type { MessagePriority } from './messagePriority.js';

/**
 * The payload of each `type`. An application adds its own types to this map; `createMessage`, `ofType`, routes and handlers use them.
 *
 * @example
 * declare module 'rxwire' {
 *   interface MessageTypes {
 *     'chat.said': { readonly room: string; readonly text: string };
 *   }
 * }
 */
export interface MessageTypes {
  'execution.start': ExecutionStart;
  'execution.output': ExecutionOutput;
  'execution.complete': ExecutionComplete;
  'execution.error': ExecutionError;
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
  'system.undecodable': UndecodablePayload;
  'system.hello': HelloPayload;
  'system.welcome': WelcomePayload;
  'channel.join': ChannelJoin;
  'channel.joined': ChannelJoined;
  'channel.refused': ChannelRefused;
  'channel.leave': ChannelLeave;
  'channel.watch': ChannelWatch;
  'channel.publish': ChannelPublish<Message>;
  'channel.published': ChannelPublished;
  'channel.message': ChannelDelivery<Message>;
  'channel.presence': ChannelPresence;
  'channel.reset': null;
  ack: AckPayload;
  batch: BatchPayload;
  reply: unknown;
  'reply.last': unknown;
  'reply.complete': null;
  'reply.error': ReplyErrorPayload;
  'reply.progress': unknown;
  'request.cancel': null;
}

/** The types known at compile time. Any other string is allowed, too; its payload is `unknown`. */
export type MessageType = keyof MessageTypes & string;

/** The payload of a type; `unknown` if the type is not declared. */
export type PayloadOf<T extends string> = T extends MessageType ? MessageTypes[T] : unknown;

/** Small pairs of text that a message has besides its payload, for the application. */
export type MessageHeaders = Readonly<Record<string, string>>;

/** Data about the delivery of a message. */
export interface MessageMetadata {
  /** How often the message was sent again. */
  readonly retryCount?: number;
  /** How often the message may be sent again. */
  readonly maxRetries?: number;
  /** The number of the message within its stream, rising by one. */
  readonly deliveryTag?: number;
  readonly routingKey?: string;
  readonly persistent?: boolean;
  readonly compressed?: boolean;
  readonly encrypted?: boolean;
}

/** The envelope of one message. `type` determines the type of `payload`. */
export interface Message<T extends string = string, P = PayloadOf<T>> {
  /** Identifies the message, for acks and deduplication. @default 21 random characters */
  readonly id: string;
  readonly type: T;
  /** When the message was created, in ms since the epoch, by the clock of the sender. */
  readonly timestamp: number;
  /** The version of the envelope: 1. */
  readonly version: number;
  /** The sender. A wire sets its own id if this is empty. */
  readonly source: string;
  readonly payload: P;
  readonly target?: string;
  /** The id of the message that this one replies to or acks. */
  readonly correlationId?: string;
  /** The address for replies. */
  readonly replyTo?: string;
  /** The lifetime of the message, in ms from `timestamp`. */
  readonly ttl?: number;
  /** @default NORMAL (1) */
  readonly priority?: MessagePriority;
  readonly headers?: MessageHeaders;
  readonly metadata?: MessageMetadata;
  /** The delivery guarantee of this message, if it differs from that of the wire. It is not transmitted. */
  readonly delivery?: Delivery;
}

/** The fields of all messages about an execution. */
export interface Execution {
  readonly executionId: string;
  readonly sandboxId: string;
}

/** A request to run `data`. */
export interface ExecutionStart extends Execution {
  readonly data: string;
}

/** A part of the output of the program. */
export interface ExecutionOutput extends Execution {
  readonly data: string;
  /** @default 'stdout' */
  readonly stream?: 'stdout' | 'stderr';
}

/** The program has ended. */
export interface ExecutionComplete extends Execution {
  readonly data?: { readonly exitCode: number; readonly duration: number };
}

/** The program could not be run, or was stopped. */
export interface ExecutionError extends Execution {
  readonly error: { readonly message: string; readonly code?: string };
}

/** An operation on a file, or a change of a file. */
export interface FilePayload {
  readonly sandboxId: string;
  readonly path: string;
  readonly operation: 'create' | 'read' | 'update' | 'delete' | 'rename';
  /** From 0 to 1. */
  readonly progress?: number;
  readonly result?: unknown;
}

/** The resources that a sandbox uses, by name: `{ cpu: 0.4, memory: 52_428_800 }`. */
export interface ResourcePayload {
  readonly sandboxId: string;
  readonly metrics: Readonly<Record<string, number>>;
  readonly thresholds?: Readonly<Record<string, number>>;
  readonly alerts?: readonly string[];
}

/** The state of one side. */
export interface SystemPayload {
  readonly status?: string;
  readonly timestamp: number;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** The content of a dead letter for a batch that the receiver could not decode. No side sends it. */
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
  /** False when the server did not know the session: messages that it had not delivered are lost. */
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
