import type { SchedulerLike } from 'rxjs';
import { msgpack } from '../codec/msgpack.js';
import type { PlainCodec } from '../codec/codec.js';
import type { RxwireError } from '../errors.js';
import { assertPositive } from '../internal/assert.js';
import { steadyScheduler } from '../internal/steadyScheduler.js';
import { assertNats, type NatsConnection, type NatsSettings } from './natsContext.js';

export interface NatsChannelLogOptions {
  /**
   * An open connection without `noEcho`, which the caller keeps and closes. Set
   * `maxReconnectAttempts: -1`; otherwise it closes for good after a long outage of NATS.
   */
  readonly connection: NatsConnection;
  /**
   * The name of the stream, which is created if it does not exist. Its subjects start with the
   * name. Servers that share channels use the same name.
   * @default 'rxwire'
   */
  readonly stream?: string;
  /** The codec of stored messages. @default msgpack() */
  readonly codec?: PlainCodec;
  /**
   * The number of entries of a channel that are kept, each with one message or, where messages are
   * stored together, up to 256.
   * @default 1_000
   */
  readonly maxMessages?: number;
  /**
   * The maximum size of the messages of all channels, in bytes. Above it, the oldest are removed.
   * @default 268_435_456: 256 MiB
   */
  readonly maxTotalBytes?: number;
  /** The maximum age of a message, in ms. @default 86_400_000: a day */
  readonly maxAge?: number;
  /** The time in which a repeated message is detected, in ms. @default 120_000: 2 minutes */
  readonly dedupeWindow?: number;
  /** The number of replicas of a new stream. @default 1 */
  readonly replicas?: number;
  /** The storage of a new stream. @default 'file' */
  readonly storage?: 'file' | 'memory';
  /**
   * The timeout of an append or read, in ms. After a leader's death, NATS may take 7 s to elect
   * another one.
   * @default 15_000
   */
  readonly timeout?: number;
  /**
   * The maximum number of messages that wait to be stored; above it, appending fails.
   * @default 10_000
   */
  readonly maxPending?: number;
  /**
   * The interval of checks for a lost history, and for entries that did not reach this server, in
   * ms.
   * @default 5_000
   */
  readonly checkInterval?: number;
  /**
   * Called with errors that no call returns: NATS is unreachable, or the stream contains something
   * that is not a message. Its exceptions are ignored.
   * @default no report
   */
  readonly onError?: (error: RxwireError) => void;
  /** The scheduler for clock and timers. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

export type LogSettings = Required<Omit<NatsChannelLogOptions, 'onError'>> & Pick<NatsSettings, 'onError'>;

/**
 * @throws {RangeError} If a limit is not positive.
 * @throws {TypeError} If the name of the stream is invalid, or the connection has `noEcho`.
 */
export function logSettingsOf(options: Omit<NatsChannelLogOptions, 'onError'> & Pick<NatsSettings, 'onError'>): LogSettings {
  const { connection, stream = 'rxwire', codec = msgpack(), replicas = 1, storage = 'file' } = options;
  const { maxMessages = 1_000, maxTotalBytes = 268_435_456, maxAge = 86_400_000, dedupeWindow = 120_000 } = options;
  const { timeout = 15_000, maxPending = 10_000, checkInterval = 5_000, scheduler = steadyScheduler() } = options;
  assertPositive('natsChannelLog', { maxMessages, maxTotalBytes, maxAge, dedupeWindow, replicas, timeout, maxPending, checkInterval });
  assertNats('natsChannelLog', connection, { stream });
  const limits = { maxMessages, maxTotalBytes, maxAge, dedupeWindow, timeout, maxPending, checkInterval };
  return { ...options, connection, stream, codec, replicas, storage, scheduler, ...limits };
}
