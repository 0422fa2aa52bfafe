import { randomInt } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { catchError, defer, from, isObservable, merge, noop, of, Subject, throwError, type Observable, type SchedulerLike } from 'rxjs';
import { endedError, readEnd } from '../app/channels/channelPayloads.js';
import { appendOnce } from '../app/hub/appendOnce.js';
import type { ChannelEntry, ChannelLog, ChannelQuery, ChannelRetention, ChannelSlice } from '../app/hub/channelLog.js';
import { msgpack } from '../codec/msgpack.js';
import { ChannelEndedError, StoreError } from '../errors.js';
import { assertPositive } from '../internal/assert.js';
import { assertKnown, onlyKnown, type OptionNames } from '../internal/assertKnown.js';
import { steadyScheduler, wallTime } from '../internal/steadyScheduler.js';
import type { ChannelPosition } from '../message/channelTypes.js';
import type { Message } from '../message/types.js';
import { isKnownPosition, listChannels, readChannel, retentionOf, type ChannelReaderOptions } from './channelReader.js';
import { identifyLog } from './channelEpochs.js';
import { editChannels, type ChannelEdit, type ChannelRowsOptions } from './channelRows.js';
import { createChannelWriter, type ChannelWriter } from './channelWriter.js';
import { assertName } from './lmdbDatabases.js';
import { openLmdbEnvironment, type LmdbEnvironment } from './lmdbEnvironment.js';
import { asLmdbStoreError } from './lmdbStoreError.js';
import { createStoreClock } from './storeClock.js';

export interface LmdbChannelLogOptions {
  /**
   * The folder of the database, which is created if it does not exist. It may be that of an
   * `lmdbStore`: both share the flushes then.
   */
  readonly path: string;
  /** The maximum number of messages of a channel. @default 100_000 */
  readonly maxMessages?: number;
  /** The maximum size of a channel's encoded messages, in bytes. @default 67_108_864: 64 MiB */
  readonly maxBytes?: number;
  /**
   * The maximum age of a message, in ms: while the log is open, and an hour of each pause.
   * @default
   * 604_800_000: 7 days
   */
  readonly maxAge?: number;
  /**
   * The maximum size of the encoded messages of all channels, in bytes. Above it, the log removes
   * messages of the channel whose messages expire first: of channels with the same maximum age, the
   * one that was idle for the longest time.
   * @default 4_294_967_296: 4 GiB
   */
  readonly maxTotalBytes?: number;
  /**
   * The maximum number of channels, those without messages included. Above it, the log forgets the
   * one that has no messages and no subscribers for the longest time; that channel starts a new
   * epoch.
   * @default 100_000
   */
  readonly maxChannels?: number;
  /**
   * The maximum number of messages that wait to be stored; above it, appending fails.
   * @default
   * 100_000
   */
  readonly maxPending?: number;
  /** The scheduler for the clock. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

const OPTIONS: OptionNames<LmdbChannelLogOptions> = {
  path: true,
  maxMessages: true,
  maxBytes: true,
  maxAge: true,
  maxTotalBytes: true,
  maxChannels: true,
  maxPending: true,
  scheduler: true,
};

const RETENTION: OptionNames<ChannelRetention> = { messages: true, bytes: true, age: true };

/** A log of channels in LMDB. */
export interface LmdbChannelLog extends Required<ChannelLog> {
  append(channel: string, message: Message): Observable<ChannelPosition>;
  read(channel: string, query: ChannelQuery): ChannelSlice;
  compact(channel: string, entry: Required<ChannelEntry>): Observable<void>;
  /**
   * Reports unreadable records, which count as missing, and limits of `retain` that could not be
   * stored.
   */
  readonly faults$: Observable<StoreError>;
  /** Closes the log when all writes are done. Its tails fail. */
  close(): void;
}

/** The range of the random part of an epoch. */
const MAX_ID = 2 ** 47;

/**
 * Stores the history of channels in LMDB: messages, offsets, epochs and ends outlive the process
 * and a power failure. A hub that is started again serves the same history. Needs the package
 * `lmdb`.
 *
 * An append emits its position when the message survives a power failure, and the tails emit the
 * message then. All appends that arrive during a flush share the next one, in their order. The
 * tails receive the messages of this process only, so one process may use a folder; several logs of
 * that process may, and store a repeat once. Several servers need `natsChannelLog`.
 *
 * The log removes old messages when it writes, a bounded number in each transaction, and never
 * returns expired ones. The file grows as needed and never shrinks.
 *
 * @throws {RangeError} At call time, if a limit is not positive.
 * @throws {TypeError} At call time, if there is no option of this name.
 * @throws {StoreError} At call time, if the folder cannot be opened. Delivered: `quota` if the disk
 *   is full, `failed` with LMDB's error as its `cause`.
 * @example
 * import { createMessage, hub } from 'rxwire';
 * import { lmdbChannelLog } from 'rxwire/node';
 *
 * const log = lmdbChannelLog({ path: '.tmp/channels', maxAge: 86_400_000 });
 * const rooms = hub({ log });
 * log.append('room.1', createMessage('chat.said', 'hello')).subscribe(({ offset }) => {
 *   console.log(offset > 0); // prints: true
 *   log.close();
 * });
 */
export function lmdbChannelLog(options: LmdbChannelLogOptions): LmdbChannelLog {
  const { path, maxMessages = 100_000, maxBytes = 67_108_864, maxAge = 604_800_000, maxTotalBytes = 4_294_967_296 } = options;
  const { maxChannels = 100_000, maxPending = 100_000, scheduler = steadyScheduler() } = options;
  assertKnown('lmdbChannelLog', options, OPTIONS);
  assertPositive('lmdbChannelLog', { maxMessages, maxBytes, maxAge, maxTotalBytes, maxChannels, maxPending });

  const environment = openLmdbEnvironment(path);
  const { databases, channelTails } = environment;
  identifyLog(databases, randomInt(MAX_ID));
  const clock = createStoreClock(scheduler, databases.counters);
  const faults$ = new Subject<StoreError>();
  const onCorrupt = (): void => faults$.next(new StoreError('lmdb', 'corrupt'));
  const rows: ChannelRowsOptions = {
    databases,
    clock,
    onCorrupt,
    maxTotalBytes,
    maxChannels,
    limits: { maxMessages, maxBytes, maxAge },
    date: () => wallTime(scheduler),
    isObserved: (channel) => channelTails.has(channel),
  };
  const begin = (): ChannelEdit => editChannels(rows);
  const writer = createChannelWriter({ environment, begin, maxPending, onSettled: () => channelTails.emit() });
  const log = createLmdbChannelLog({ environment, rows, writer, faults$ });
  const once = appendOnce(log, scheduler, environment);
  const append: LmdbChannelLog['append'] = (channel, message) => {
    const position = once(channel, message);
    return isObservable(position) ? position : of(position);
  };
  return { ...log, dropsRepeats: true, append };
}

interface LmdbChannelLogParts {
  readonly environment: LmdbEnvironment;
  readonly rows: ChannelRowsOptions;
  readonly writer: ChannelWriter;
  readonly faults$: Subject<StoreError>;
}

function createLmdbChannelLog({ environment, rows, writer, faults$ }: LmdbChannelLogParts): Omit<LmdbChannelLog, 'dropsRepeats'> {
  const { databases, channelTails, path } = environment;
  const codec = createEntryCodec(rows.onCorrupt);
  const reader: ChannelReaderOptions = { ...rows, decode: (data) => codec.decode(data), now: () => rows.clock.now() };
  const closed$ = new Subject<never>();
  let isOpen = true;

  const assertOpen = (): void => {
    if (!isOpen) throw closedError(path);
  };
  const read = <T>(work: () => T): T => {
    assertOpen();
    try {
      return work();
    } catch (reason) {
      throw asLmdbStoreError(reason, path);
    }
  };
  const write = <T, U>(channel: string, change: (edit: ChannelEdit) => T, finish: (result: T) => U): Observable<U> => {
    assertOpen();
    assertName('lmdbChannelLog', channel);
    return writer.write(change, finish);
  };

  return {
    faults$,
    append(channel, message) {
      const isEnd = message.type === 'channel.ended';
      if (isEnd) readEnd(message.payload);
      const data = codec.encode(message);
      const finish = (stored: ChannelPosition | Uint8Array): ChannelPosition => {
        if (stored instanceof Uint8Array) throw endedBy(channel, codec.decode(stored));
        channelTails.add(channel, { ...stored, message });
        return stored;
      };
      return write(channel, (edit) => edit.endOf(channel) ?? edit.append(channel, data, isEnd), finish);
    },
    read: (channel, query) => read(() => readChannel(reader, channel, query)),
    isKnown: (channel, position) => read(() => isKnownPosition(reader, channel, position)),
    broadcast(channel, message) {
      channelTails.add(channel, { message });
      channelTails.emit();
    },
    tail: (channel) => defer(() => merge(channelTails.of(channel), closed$)),
    retain(channel, limits) {
      assertPositive('lmdbChannelLog: retain', { messages: limits.messages, bytes: limits.bytes, age: limits.age });
      const retention = onlyKnown<ChannelRetention>(limits, RETENTION);
      // A hub sets the limits in each process. They are stored already, as a rule.
      if (
        isDeepStrictEqual(
          read(() => retentionOf(databases, channel)),
          retention,
        )
      )
        return;
      write(channel, (edit) => edit.retain(channel, retention), noop).subscribe({ error: (fault: StoreError) => faults$.next(fault) });
    },
    compact(channel, { message, ...entry }) {
      const data = codec.encode(message);
      return write(channel, (edit) => edit.compact(channel, entry, data), noop);
    },
    list: (prefix) =>
      defer(() => from(read(() => listChannels(databases, prefix)))).pipe(
        catchError((reason: unknown) => throwError(() => asLmdbStoreError(reason, path))),
      ),
    close() {
      if (!isOpen) return;
      isOpen = false;
      environment.release();
      closed$.error(closedError(path));
    },
  };
}

/** The encoding of stored messages. */
function createEntryCodec(onCorrupt: () => void) {
  const codec = msgpack(UNLIMITED);
  return {
    encode: (message: Message): Uint8Array => codec.encode([message]) as Uint8Array,
    /** Returns the message; undefined if it is unreadable. */
    decode(data: Uint8Array): Message | undefined {
      try {
        return codec.decode(data)[0];
      } catch {
        onCorrupt();
        return undefined;
      }
    },
  };
}

/**
 * The log checks no limits: a message has passed those of its codec before it was appended, and
 * other codecs may allow more.
 */
const UNLIMITED = { maxNodes: Infinity, maxDepth: 128 };

const closedError = (path: string): StoreError => new StoreError('lmdb', 'failed', new Error(`the log of channels in ${path} is closed`));

/** @param end The message that has ended the channel; undefined if it is unreadable. */
function endedBy(channel: string, end: Message | undefined): ChannelEndedError {
  return end ? endedError(channel, end) : new ChannelEndedError(channel, { status: 'failed', reason: 'its last message is unreadable' });
}
