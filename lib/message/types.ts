import type {
  ChannelDelivery,
  ChannelJoin,
  ChannelJoined,
  ChannelLeave,
  ChannelPresence,
  ChannelPublish,
  ChannelRefused,
  ChannelWatch,
} from './channelTypes.js';
import type { MessagePriority } from './priority.js';

/**
 * Which payload travels under which `type`. Open: an application adds its own kinds to the same map, and from then on
 * `createMessage`, `ofType`, routes and handlers know them.
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
  'system.hello': HelloPayload;
  'system.welcome': WelcomePayload;
  'channel.join': ChannelJoin;
  'channel.joined': ChannelJoined;
  'channel.refused': ChannelRefused;
  'channel.leave': ChannelLeave;
  'channel.watch': ChannelWatch;
  'channel.publish': ChannelPublish<Message>;
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

/** The types known at compile time; any other string travels too, its payload `unknown`. */
export type MessageType = keyof MessageTypes & string;

/** The payload of a type: known, or `unknown`. */
export type PayloadOf<T extends string> = T extends MessageType ? MessageTypes[T] : unknown;

/** What `Message` may carry besides its payload: small pairs of text for the application. */
export type MessageHeaders = Readonly<Record<string, string>>;

/** What the delivery of a message is about, kept apart from what it says. */
export interface MessageMetadata {
  /** How often it was sent again. */
  readonly retryCount?: number;
  /** How often it may be sent again. */
  readonly maxRetries?: number;
  /** The sender's number for it, rising by one within a stream. */
  readonly deliveryTag?: number;
  readonly routingKey?: string;
  readonly persistent?: boolean;
  readonly compressed?: boolean;
  readonly encrypted?: boolean;
}

/** The envelope: one message as it travels. `type` selects the type of `payload`. */
export interface Message<T extends string = string, P = PayloadOf<T>> {
  /** Names the message for acks and deduplication; 21 random characters unless given. */
  readonly id: string;
  readonly type: T;
  /** When it was made, in ms since the epoch, by its maker's clock. */
  readonly timestamp: number;
  /** The version of the envelope: 1. */
  readonly version: number;
  /** Who sends it; a wire fills in its own id where this is empty. */
  readonly source: string;
  readonly payload: P;
  readonly target?: string;
  /** The id of the message that this one answers or acks. */
  readonly correlationId?: string;
  /** Where an answer should go. */
  readonly replyTo?: string;
  /** How long it is of use, in ms from `timestamp`. */
  readonly ttl?: number;
  /** @default NORMAL (1) */
  readonly priority?: MessagePriority;
  readonly headers?: MessageHeaders;
  readonly metadata?: MessageMetadata;
  /** How surely it must arrive, where that differs from its wire's. It is for the sender's own session: it does not travel. */
  readonly delivery?: Delivery;
}

/** What all messages about an execution say. */
export interface Execution {
  readonly executionId: string;
  readonly sandboxId: string;
}

/** Run `data`. */
export interface ExecutionStart extends Execution {
  readonly data: string;
}

/** A piece of what the program printed. */
export interface ExecutionOutput extends Execution {
  readonly data: string;
  /** @default 'stdout' */
  readonly stream?: 'stdout' | 'stderr';
}

/** The program has ended by itself. */
export interface ExecutionComplete extends Execution {
  readonly data?: { readonly exitCode: number; readonly duration: number };
}

/** The program could not be run, or was stopped. */
export interface ExecutionError extends Execution {
  readonly error: { readonly message: string; readonly code?: string };
}

/** A file is sent, fetched, removed or was changed. */
export interface FilePayload {
  readonly sandboxId: string;
  readonly path: string;
  readonly operation: 'create' | 'read' | 'update' | 'delete' | 'rename';
  /** From 0 to 1. */
  readonly progress?: number;
  readonly result?: unknown;
}

/** What a sandbox uses, by name: `{ cpu: 0.4, memory: 52_428_800 }`. */
export interface ResourcePayload {
  readonly sandboxId: string;
  readonly metrics: Readonly<Record<string, number>>;
  readonly thresholds?: Readonly<Record<string, number>>;
  readonly alerts?: readonly string[];
}

/** One side tells the other how it is. */
export interface SystemPayload {
  readonly status?: string;
  readonly timestamp: number;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** The first message of a client on each connection. */
export interface HelloPayload {
  /** A secret of the client's that names the wire across connections. */
  readonly session: string;
  /** True when the client has been connected under this session before. */
  readonly resume: boolean;
  readonly delivery: Exclude<Delivery, 'exactly-once'>;
}

/** The server's answer to `system.hello`. */
export interface WelcomePayload {
  /** False when the server did not know the session: what it had not delivered is lost. */
  readonly resumed: boolean;
}

/** `correlationId` of the envelope names the acked message. */
export type AckPayload = null;

/** Several messages as one. */
export interface BatchPayload {
  readonly batchKey: string;
  readonly messages: readonly Message[];
  readonly count: number;
}

/** Why a request failed. */
export interface ReplyErrorPayload {
  readonly code: string;
  readonly message: string;
}

/** What is promised for each message sent; see docs/semantics.md. */
export type Delivery = 'at-most-once' | 'at-least-once' | 'exactly-once';
