export { type BatchMessageOptions, fromBatchMessage, toBatchMessage } from './operators/sending/batchMessage.js';
export { deadLetter, type DeadLetterOperatorOptions } from './operators/deadLetters/deadLetter.js';
export { replayDeadLetters, type Replayed, type ReplayOptions, type ReplayTarget } from './operators/deadLetters/replayDeadLetters.js';
export { channel, type Channel } from './operators/channels/channel.js';
export type { ChannelOptions, EchoOptions, PositionStorage } from './operators/channels/channelOptions.js';
export type { ChannelStart } from './channels/channelPosition.js';
export { requestAll, type MemberReply, type RequestAllOptions } from './operators/channels/requestAll.js';
export { liveState, type ChannelSnapshot, type LiveStateOptions } from './operators/channels/liveState.js';
export type { HistoryRange, PastMessage } from './operators/channels/channelOptions.js';
export type { ChannelGap, ChannelState, ChannelStatus } from './channels/channelState.js';
export type { ChannelParts, ChannelSubject } from './operators/channels/channelSubject.js';
export type { Presence } from './channels/memberList.js';
export { withChannels, type WithChannels } from './operators/channels/withChannels.js';
export type {
  ChannelBroadcast,
  ChannelEntry,
  ChannelInfo,
  ChannelLog,
  ChannelQuery,
  ChannelRetention,
  ChannelSlice,
} from './channels/channelLog.js';
export type { ClusterPresence, PresenceChange } from './channels/clusterPresence.js';
export type { Compact } from './server/hub/compactor.js';
export { hub, type Hub, type HubChannelSettings } from './server/hub/hub.js';
export type { ChannelSettings } from './server/hub/hubChannels.js';
export type { KeyedSettings } from './channels/keyedContent.js';
export type { Authorization, Authorize, ChannelRequest, HubOptions } from './server/hub/hubOptions.js';
export { memoryChannelLog, type MemoryChannelLogOptions } from './server/hub/memoryChannelLog.js';
export {
  type DecryptOptions,
  decryptPayload,
  type EncryptOptions,
  encryptPayload,
  type EncryptWhen,
  type PayloadOptions,
} from './operators/payloads/encryptPayload.js';
export {
  intercept,
  type Interceptor,
  type Middleware,
  type MiddlewareContext,
  type MiddlewareResult,
  use,
  type UseOptions,
} from './operators/routing/use.js';
export { meter, type MeterOptions, meterWire, type MeterWireOptions } from './operators/metrics/meter.js';
export type { MessageDirection, MetricsSink, TimedWork } from './operators/metrics/metricsSink.js';
export { reply } from './operators/requests/reply.js';
export { request } from './operators/requests/request.js';
export type * from './operators/requests/requestTypes.js';
export { queue, queues, type Queues, type QueuesOptions } from './operators/queue/queue.js';
export type { ProcessOptions, Queue, QueueDrop, QueueOptions } from './operators/queue/queueOptions.js';
export type { QueuedMessage, QueueLog, QueueStore } from './operators/queue/queueStore.js';
export { publishAll, publishTo, type PublishOptions } from './operators/sending/publishTo.js';
export { sendAll, sendThrough } from './operators/sending/sendAll.js';
export type { MessageSource, ReadableStreamOf, SendingWire, SendOptions, SentReceipts } from './operators/sending/sendOptions.js';
export { messageState } from './operators/sending/messageState.js';
export { pendingOf, type PendingMessage, type PendingOptions } from './operators/sending/pendingOf.js';
export {
  createRouter,
  type DeadRoute,
  route,
  type RouteBy,
  type RouteOptions,
  type Router,
  type RouterOptions,
} from './operators/routing/route.js';
export type { MessageMatching, RouteHandler } from './operators/routing/routeTable.js';
export {
  validated,
  type PayloadSchemas,
  type SchemaIssue,
  type SchemaOutput,
  type SchemaResult,
  type StandardSchema,
  type ValidatedMessage,
  type ValidatedOptions,
} from './operators/payloads/validated.js';
export type { AsyncSupport, BatchContext, Codec, Direction, PlainCodec } from './codec/codec.js';
export { asynchronous } from './codec/asynchronous.js';
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
export { envelopes, type EnvelopeOptions } from './wire/envelope/envelopes.js';
export { envelopeProtocol } from './wire/envelope/envelopeProtocol.js';
export * from './message/errors.js';
export { sentenceOf, type Sentences } from './message/errors/sentenceOf.js';
export { CloseCode, explainCloseCode, isReconnectable } from './message/closeCode.js';
export { fallback, type FallbackOptions } from './io/fallback.js';
export { type DescribedLink, type Frame, type Layer, type Link, TransportProtocol } from './io/link.js';
export type { FetchLike, FetchRequest, FetchResponse, HeaderFields, HttpLinkOptions } from './io/http/httpLinkOptions.js';
export { longPolling } from './io/longPolling.js';
export { memoryLink, type MemoryLinkOptions } from './io/memoryLink.js';
export type { WebSocketConstructor, WebSocketLike } from './io/webSocketLike.js';
export type { BroadcastChannelConstructor, BroadcastChannelLike } from './io/shared/tabChannel.js';
export { sharedLink, type SharedLinkOptions } from './io/sharedLink.js';
export { serverSentEvents } from './io/serverSentEvents.js';
export type { SocketOptions } from './io/clientSocket.js';
export type { StallOptions } from './io/stallCheck.js';
export { webSocket, type WebSocketOptions } from './io/webSocket.js';
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
export { priorityMerge, type PriorityMergeOptions } from './operators/priorityMerge.js';
export type { OverflowPolicy } from './operators/buffers/priorityQueue.js';
export { resequence, type ResequenceOptions, type SequenceGap } from './operators/resequence.js';
export {
  type BackoffDelay,
  exponentialDelay,
  linearDelay,
  type RetryAttempt,
  retryBackoff,
  type RetryBackoffConfig,
} from './operators/retryBackoff.js';
export type { MaybeAsync } from './message/maybeAsync.js';
export { memoryResults, type MemoryResultsOptions, type ResultStore } from './operators/buffers/resultStore.js';
export { unbatch } from './operators/unbatch.js';
export { consume, type Consumed, type ConsumeOptions, type HandlerWork } from './operators/consume/consume.js';
export { durable } from './wire/session/clientStores.js';
export { createDeadLetter, type DeadLetterOptions } from './wire/createDeadLetter.js';
export type { OutgoingMessages, Report, SessionEvent } from './wire/session/sessionEvents.js';
export type { NetworkSignal } from './wire/session/networkSignals.js';
export { inspected, type InspectedConnection, type InspectedFrame, type InspectOptions } from './wire/session/inspected.js';
export { session, type SessionOptions } from './wire/session/session.js';
export type { EndpointOptions } from './wire/session/sessionOptions.js';
export { framed, type FramedOptions } from './wire/envelope/framed.js';
export type { ReconnectOptions } from './wire/session/reconnect.js';
export { exclusive, type ExclusiveOptions } from './stores/web/exclusive.js';
export type { LocksLike } from './io/webLocks.js';
export type * from './stores/deadLetterStore.js';
export type { NumberedRejection, Rejection } from './core/rejection.js';
export type { Cursor } from './core/storedTypes.js';
export type * from './stores/inbox.js';
export { memoryDeadLetters, type MemoryDeadLettersOptions } from './stores/memoryDeadLetters.js';
export { memoryOutbox, type MemoryOutboxOptions } from './stores/memoryOutbox.js';
export type * from './stores/outboxStore.js';
export type { TokenSource } from './wire/session/tokenRenewal.js';
export { tabOutboxes, type DrainedOutbox, type DrainingWire, type TabOutboxes, type TabOutboxesOptions } from './stores/web/tabOutboxes.js';
export { webStorageOutbox, type StorageLike, type WebStorageOutboxOptions } from './stores/web/webStorageOutbox.js';
export { connect, sessionProtocol } from './wire/connect.js';
export type { ConnectOptions, Protocol, WireOptions } from './wire/connect.js';
export { pool, type Pool } from './wire/pool/pool.js';
export type { Lease, PoolOptions, PoolState } from './wire/pool/poolOptions.js';
export { ConnectionStatus, type ConnectionMetrics, type ConnectionState, type Traffic } from './wire/connectionState.js';
export { subscriptionsOf, type WireSubscriptions } from './wire/subscriptionsOf.js';
export { Wire, type WaitOptions, type WireParts, type WireSetup } from './wire/wire.js';
