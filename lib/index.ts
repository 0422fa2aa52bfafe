export { type BatchMessageOptions, fromBatchMessage, toBatchMessage } from './app/batches/batchMessage.js';
export { deadLetter, type BuryOptions } from './app/deadLetters/deadLetter.js';
export { replayDeadLetters, type Replayed, type ReplayOptions, type ReplayTarget } from './app/deadLetters/replayDeadLetters.js';
export { channel, type Channel, type ClientChannelParts } from './app/channels/channel.js';
export type { ChannelOptions, ChannelStart, PositionStorage } from './app/channels/channelOptions.js';
export { liveState, type ChannelSnapshot, type LiveStateOptions } from './app/channels/liveState.js';
export type { HistoryRange, PastMessage } from './app/channels/channelOptions.js';
export type { ChannelGap, ChannelState, ChannelStatus } from './app/channels/channelState.js';
export type { ChannelParts, ChannelSubject } from './app/channels/channelSubject.js';
export type { Presence } from './app/channels/memberList.js';
export { withChannels, type WithChannels } from './app/channels/withChannels.js';
export type {
  ChannelBroadcast,
  ChannelEntry,
  ChannelInfo,
  ChannelLog,
  ChannelQuery,
  ChannelRetention,
  ChannelSlice,
} from './app/hub/channelLog.js';
export type { ClusterPresence, PresenceChange } from './app/hub/clusterPresence.js';
export type { Compact } from './app/hub/compactor.js';
export { hub, type Hub, type HubChannelSettings } from './app/hub/hub.js';
export type { ChannelSettings } from './app/hub/hubChannels.js';
export type { KeyedSettings } from './app/hub/keyedChannel.js';
export type { Authorization, Authorize, ChannelRequest, HubOptions } from './app/hub/hubOptions.js';
export { memoryChannelLog, type MemoryChannelLogOptions } from './app/hub/memoryChannelLog.js';
export {
  type DecryptOptions,
  decryptPayload,
  type EncryptOptions,
  encryptPayload,
  type EncryptWhen,
  type PayloadOptions,
} from './app/payloads/encryptPayload.js';
export {
  intercept,
  type Interceptor,
  type Middleware,
  type MiddlewareContext,
  type MiddlewareResult,
  use,
  type UseOptions,
} from './app/routing/use.js';
export { meter, type MeterOptions, meterWire, type MeterWireOptions } from './app/metrics/meter.js';
export type { MessageDirection, MetricsSink, TimedWork } from './app/metrics/metricsSink.js';
export { reply } from './app/requests/reply.js';
export { request } from './app/requests/request.js';
export type * from './app/requests/requestTypes.js';
export { queue, queues, type Queues, type QueuesOptions } from './app/queue/queue.js';
export type { ProcessOptions, Queue, QueueDrop, QueueOptions } from './app/queue/queueOptions.js';
export type { QueuedMessage, QueueLog, QueueStore } from './app/queue/queueStore.js';
export { publishAll, publishTo, type PublishOptions } from './app/sending/publishTo.js';
export { sendAll, sendThrough } from './app/sending/sendAll.js';
export type { MessageSource, ReadableStreamOf, SendingWire, SendOptions, SentReceipts } from './app/sending/sendOptions.js';
export { pendingOf, type PendingMessage, type PendingOptions } from './app/sending/pendingOf.js';
export {
  createRouter,
  type DeadRoute,
  route,
  type RouteBy,
  type RouteOptions,
  type Router,
  type RouterOptions,
} from './app/routing/route.js';
export type { MessageMatching, RouteHandler } from './app/routing/routeTable.js';
export {
  validated,
  type PayloadSchemas,
  type SchemaIssue,
  type SchemaOutput,
  type SchemaResult,
  type StandardSchema,
  type ValidatedMessage,
  type ValidatedOptions,
} from './app/payloads/validated.js';
export type { BatchContext, Codec, Direction, PlainCodec } from './codec/codec.js';
export {
  deriveKey,
  type DeriveKeyOptions,
  type FromSecretOptions,
  keyring,
  type Keyring,
  type KeyringFactory,
  type KeyringOptions,
} from './codec/keyring.js';
export { gzipped, type GzipOptions } from './codec/gzipped.js';
export { json, type JsonOptions } from './codec/json.js';
export { msgpack, type MsgpackOptions } from './codec/msgpack.js';
export { sealed } from './codec/sealed.js';
export { isMarkedEncrypted } from './codec/seal/encryptedPayload.js';
export { envelopes, type EnvelopeOptions } from './envelope/envelopes.js';
export { envelopeProtocol } from './envelope/wire/envelopeProtocol.js';
export * from './errors.js';
export { CloseCode, explainCloseCode, isReconnectable } from './link/closeCode.js';
export { fallback, type FallbackOptions } from './link/fallback.js';
export { type DescribedLink, type Frame, type Layer, type Link, TransportProtocol } from './link/link.js';
export type { FetchLike, FetchRequest, FetchResponse, HeaderFields, HttpLinkOptions } from './link/http/httpLinkOptions.js';
export { longPolling } from './link/longPolling.js';
export { memoryLink, type MemoryLinkOptions } from './link/memoryLink.js';
export type { WebSocketConstructor, WebSocketLike } from './link/webSocketLike.js';
export { serverSentEvents } from './link/serverSentEvents.js';
export type { SocketOptions } from './link/socket.js';
export type { StallOptions } from './link/stallCheck.js';
export { webSocket, type WebSocketOptions } from './link/webSocket.js';
export { contentKey, type MessageContent } from './message/contentKey.js';
export { createMessage, type MessageOptions } from './message/createMessage.js';
export { isExpired } from './message/isExpired.js';
export { MessagePriority } from './message/messagePriority.js';
export { ReliabilityLevel } from './message/reliabilityLevel.js';
export type { PendingStatus, Receipt, ReceiptStatus } from './message/receipt.js';
export type * from './message/channelTypes.js';
export type * from './message/types.js';
export { parseMessage } from './message/parseMessage.js';
export { ackWithin, type Ack, type AckSource, type AckWithinOptions } from './operators/ackWithin.js';
export { batchByKey, type Batch, type BatchByKeyOptions } from './operators/batchByKey.js';
export { conflateByKey, type ConflateByKeyOptions, type ConflateReason } from './operators/conflateByKey.js';
export { dedupe, type DedupeOptions } from './operators/dedupe.js';
export { expire, type ExpireOptions } from './operators/expire.js';
export { idempotent, type IdempotentOptions } from './operators/idempotent.js';
export { ofType, type MessageOf, type Selected, type TypeIn } from './operators/ofType.js';
export { priorityMerge, type OverflowPolicy, type PriorityMergeOptions } from './operators/priorityMerge.js';
export { resequence, type ResequenceOptions, type SequenceGap } from './operators/resequence.js';
export {
  type BackoffDelay,
  exponentialDelay,
  linearDelay,
  type RetryAttempt,
  retryBackoff,
  type RetryBackoffConfig,
} from './operators/retryBackoff.js';
export type { MaybeAsync } from './internal/maybeAsync.js';
export { memoryResults, type MemoryResultsOptions, type ResultStore } from './internal/resultStore.js';
export { unbatch } from './operators/unbatch.js';
export { consume, type Consumed, type ConsumeOptions, type HandlerWork } from './session/consume/consume.js';
export { durable } from './session/clientStores.js';
export { createDeadLetter, type DeadLetterOptions } from './session/consume/createDeadLetter.js';
export type { OutgoingMessages, Report, SessionEvent } from './session/sessionEvents.js';
export type { NetworkSignal } from './session/networkSignals.js';
export { inspected, type InspectedConnection, type InspectedFrame, type InspectOptions } from './session/inspected.js';
export { session, type SessionOptions } from './session/session.js';
export type { EndpointOptions } from './session/endpointOptions.js';
export { framed, type FramedOptions } from './envelope/framed.js';
export type { ReconnectOptions } from './session/reconnect.js';
export { exclusive, type ExclusiveOptions, type LocksLike } from './session/store/exclusive.js';
export type * from './session/store/deadLetterStore.js';
export type * from './session/store/inbox.js';
export { memoryDeadLetters, type MemoryDeadLettersOptions } from './session/store/memoryDeadLetters.js';
export { memoryOutbox, type MemoryOutboxOptions } from './session/store/memoryOutbox.js';
export type * from './session/store/outboxStore.js';
export type { TokenSource } from './session/credentials.js';
export { webStorageOutbox, type StorageLike, type WebStorageOutboxOptions } from './session/store/webStorageOutbox.js';
export { connect, sessionProtocol } from './wire/connect.js';
export type { ConnectOptions, Protocol, WireOptions } from './wire/connect.js';
export { pool, type Pool } from './wire/pool/pool.js';
export type { Lease, PoolOptions, PoolState } from './wire/pool/poolOptions.js';
export { ConnectionStatus, type ConnectionMetrics, type ConnectionState, type Traffic } from './wire/connectionState.js';
export type { WireSubscriptions } from './wire/subscribers.js';
export { Wire, type WaitOptions, type WireParts, type WireSetup } from './wire/wire.js';
