export type { Codec } from './codec/codec.js';
export { json, type JsonOptions } from './codec/json.js';
export { msgpack, type MsgpackOptions } from './codec/msgpack.js';
export * from './errors.js';
export { CloseCode, isReconnectable } from './link/closeCode.js';
export type { DescribedLink, Frame, Layer, Link } from './link/link.js';
export { memoryLink, type MemoryLinkOptions } from './link/memory.js';
export type { WebSocketConstructor, WebSocketLike } from './link/guardedSocket.js';
export type { SocketOptions } from './link/socket.js';
export { webSocket, type WebSocketOptions } from './link/webSocket.js';
export { createMessage, type MessageOptions } from './message/createMessage.js';
export { isExpired } from './message/expiry.js';
export { MessagePriority } from './message/priority.js';
export type { Receipt, ReceiptStatus } from './message/receipt.js';
export type * from './message/types.js';
export { parseMessage } from './message/validate.js';
export { ackWithin, type Ack, type AckSource, type AckWithinOptions } from './operators/ackWithin.js';
export { batchByKey, type BatchByKeyOptions } from './operators/batchByKey.js';
export { dedupe, type DedupeOptions } from './operators/dedupe.js';
export { expire, type ExpireOptions } from './operators/expire.js';
export { ofType, type MessageOf } from './operators/ofType.js';
export { priorityMerge, type PriorityMergeOptions } from './operators/priorityMerge.js';
export {
  exponentialDelay,
  linearDelay,
  retryBackoff,
  type BackoffDelay,
  type RetryAttempt,
  type RetryBackoffConfig,
} from './operators/retryBackoff.js';
export { unbatch } from './operators/unbatch.js';
export { envelopes, type EnvelopeOptions } from './session/envelopes.js';
export type { Report, SessionEvent } from './session/events.js';
export { framed, type FramedOptions } from './session/framed.js';
export type { ReconnectOptions } from './session/reconnecting.js';
export { connect, type ConnectOptions, type WireOptions } from './wire/connect.js';
export type { ConnectionMetrics, ConnectionState, ConnectionStatus } from './wire/connectionState.js';
export type { Traffic } from './wire/traffic.js';
export { Wire, type WireParts, type WireSetup } from './wire/wire.js';
