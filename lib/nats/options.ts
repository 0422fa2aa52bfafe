import type { jetstream } from '@nats-io/jetstream';
import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { msgpack } from '../codec/msgpack.js';
import type { PlainCodec } from '../codec/codec.js';
import type { RxwireError } from '../errors.js';
import { assertPositive } from '../internal/assert.js';

/** What `connect` of a NATS transport answers. */
export type NatsConnection = Parameters<typeof jetstream>[0];

export interface NatsChannelLogOptions {
  /** An open connection, which stays yours. Give it `maxReconnectAttempts: -1`: else it is over when NATS is gone for a while. */
  readonly connection: NatsConnection;
  /** The stream, which is made when it is not there; its subjects begin with its name. The servers that share channels have the same. @default 'rxwire' */
  readonly stream?: string;
  /** What is stored. @default msgpack() */
  readonly codec?: PlainCodec;
  /** Messages that are kept of a channel. @default 1_000 */
  readonly maxMessages?: number;
  /** Bytes that the messages of all channels may have: past that, the oldest go. @default 268_435_456: 256 MiB */
  readonly maxTotalBytes?: number;
  /** How long a message is kept, in ms. @default 86_400_000: a day */
  readonly maxAge?: number;
  /** For how long a message that is added again is known, in ms. @default 120_000: 2 minutes */
  readonly dedupeWindow?: number;
  /** NATS servers that have a copy; for a stream that is made. @default 1 */
  readonly replicas?: number;
  /** Where they keep it; for a stream that is made. @default 'file' */
  readonly storage?: 'file' | 'memory';
  /** How long adding and reading may take, in ms. @default 5_000 */
  readonly timeout?: number;
  /** Messages that may wait to be stored: past that, adding fails. @default 10_000 */
  readonly maxPending?: number;
  /** How often it is looked whether the history was lost, in ms. @default 5_000 */
  readonly checkInterval?: number;
  /** Told what no caller is: that NATS is gone, or that there is something in the stream that is no message. What it throws is dropped. @default nobody is told */
  readonly onError?: (error: RxwireError) => void;
  /** The scheduler for clock and timers. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

export type Settings = Required<NatsChannelLogOptions>;

/** @throws {RangeError} If a limit is not positive. @throws {TypeError} If the name is none of a stream. */
export function settingsOf(options: NatsChannelLogOptions): Settings {
  const { connection, stream = 'rxwire', codec = msgpack(), replicas = 1, storage = 'file', onError = () => undefined } = options;
  const { maxMessages = 1_000, maxTotalBytes = 268_435_456, maxAge = 86_400_000, dedupeWindow = 120_000 } = options;
  const { timeout = 5_000, maxPending = 10_000, checkInterval = 5_000, scheduler = asyncScheduler } = options;
  assertPositive('natsChannelLog', { maxMessages, maxTotalBytes, maxAge, dedupeWindow, replicas, timeout, maxPending, checkInterval });
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(stream))
    throw new TypeError(`natsChannelLog: "stream" must be letters, digits, _ and -, got ${stream}`);
  const limits = { maxMessages, maxTotalBytes, maxAge, dedupeWindow, timeout, maxPending, checkInterval };
  return { connection, stream, codec, replicas, storage, onError, scheduler, ...limits };
}
