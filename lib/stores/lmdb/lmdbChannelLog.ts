import { isDeepStrictEqual } from 'node:util';
import {
  AsyncSubject,
  catchError,
  defer,
  from,
  isObservable,
  merge,
  noop,
  of,
  Subject,
  throwError,
  type Observable,
  type SchedulerLike,
} from 'rxjs';
import { assertPositive, checkOptions } from '../../message/development.js';
import { readEnd } from '../../channels/channelPayloads.js';
import { appendOnce } from '../../server/hub/appendOnce.js';
import type { ChannelEntry, ChannelLog, ChannelQuery, ChannelRetention, ChannelSlice } from '../../channels/channelLog.js';
import { decodeStored, encodeStored, endedBy } from '../../server/hub/storedMessage.js';
import { OverflowError, StoreError } from '../../message/errors.js';
import { anything, positive, readOptions, type OptionTable } from '../../message/options/readOptions.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import { isKnownPosition, listLmdbChannels, readChannel } from './channelReader.js';
import {
  appendRow,
  beginEdit,
  compactRows,
  endEdit,
  headIn,
  headOf,
  identifyRun,
  MAX_CHANGES,
  type ChannelEdit,
  type ChannelRowsOptions,
} from './channelRows.js';
import { assertName } from './lmdbDatabases.js';
import { openLmdbEnvironment, type LmdbEnvironment } from './lmdbEnvironment.js';
import { asLmdbStoreError } from './lmdbStoreError.js';
import { createStoreClock } from './storeClock.js';

export interface LmdbChannelLogOptions {
  /** The folder, which is created. It may be that of an `lmdbStore`: they share the flushes. */
  readonly path: string;
  /** The maximum number of messages of a channel. @default 100_000 */
  readonly maxMessages?: number;
  /** The maximum size of a channel's encoded messages, in bytes. @default 67_108_864: 64 MiB */
  readonly maxBytes?: number;
  /**
   * The maximum age of a message, in ms: while the log is open, and an hour of each pause.
   * @default 604_800_000: 7 days
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
   * one that has no messages and no subscribers for longest. It then starts a new epoch.
   * @default 100_000
   */
  readonly maxChannels?: number;
  /** The maximum number of messages that wait; above it, appending fails. @default 100_000 */
  readonly maxPending?: number;
  /** The scheduler for the clock. @default asyncScheduler, with a monotonic clock */
  readonly scheduler?: SchedulerLike;
}

const OPTIONS = {
  path: [anything],
  maxMessages: [positive, 100_000],
  maxBytes: [positive, 67_108_864],
  maxAge: [positive, 604_800_000],
  maxTotalBytes: [positive, 4_294_967_296],
  maxChannels: [positive, 100_000],
  maxPending: [positive, 100_000],
  scheduler: [anything],
} as const satisfies OptionTable<LmdbChannelLogOptions>;

/** A log of channels in LMDB. */
export interface LmdbChannelLog extends Required<ChannelLog> {
  append(channel: string, message: Message): Observable<ChannelPosition>;
  read(channel: string, query: ChannelQuery): ChannelSlice;
  compact(channel: string, entry: Required<ChannelEntry>): Observable<void>;
  /** Reports unreadable records, which count as missing, and limits that were not stored. */
  readonly faults$: Observable<StoreError>;
  /** Closes the log when all writes are done. Its tails fail. */
  close(): void;
}

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
 * The log recognizes a repeat among the latest 1,024 messages of a channel: among fewer with more
 * than 128 channels, or after a restart. A restart may make the next offset jump, without a gap.
 *
 * The log removes old messages when it writes, a bounded number in each transaction, and never
 * returns expired ones. The file grows as needed and never shrinks.
 *
 * @throws {RangeError} At call time, if a limit is not positive.
 * @throws {StoreError} At call time, if the folder cannot be opened. Delivered: `quota` if the disk
 *   is full, `failed` with LMDB's error as its `cause`.
 * @example
 * import { createMessage, hub } from 'rxwire';
 * import { lmdbChannelLog } from 'rxwire/node';
 *
 * const log = lmdbChannelLog({ path: '.tmp/channels', maxAge: 86_400_000 });
 * const rooms = hub({ log });
 * log.append('room.1', createMessage('chat.said', { text: 'hello' })).subscribe(({ offset }) => {
 *   console.log(offset > 0); // prints: true
 *   log.close();
 * });
 */
export function lmdbChannelLog(options: LmdbChannelLogOptions): LmdbChannelLog {
  checkOptions('lmdbChannelLog', options);
  const {
    maxTotalBytes,
    maxChannels,
    maxPending,
    scheduler = steadyScheduler(),
    ...limits
  } = readOptions('lmdbChannelLog', options, OPTIONS);

  const environment = openLmdbEnvironment(options.path);
  const { databases, channelTails } = environment;
  const faults$ = new Subject<StoreError>();
  const rows: ChannelRowsOptions = {
    databases,
    run: identifyRun(databases),
    clock: createStoreClock(scheduler, databases.counters),
    onCorrupt: () => faults$.next(new StoreError('lmdb', 'corrupt')),
    maxTotalBytes,
    maxChannels,
    limits,
    isObserved: (channel) => channelTails.has(channel),
  };
  const log = createLog(environment, rows, createChannelWriter(environment, rows, maxPending), faults$);
  const once = appendOnce(log, scheduler, environment);
  const append: LmdbChannelLog['append'] = (channel, message) => {
    const position = once(channel, message);
    return isObservable(position) ? position : of(position);
  };
  return { ...log, dropsRepeats: true, append };
}

/** Returns a log that stores repeats, too. */
function createLog(
  environment: LmdbEnvironment,
  rows: ChannelRowsOptions,
  writer: ChannelWriter,
  faults$: Subject<StoreError>,
): Omit<LmdbChannelLog, 'dropsRepeats'> {
  const { databases, channelTails, path } = environment;
  const decode = (data: Uint8Array): Message | undefined => {
    const message = decodeStored(data);
    if (!message) rows.onCorrupt();
    return message;
  };
  const reader = { ...rows, decode };
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
    return writer(change, finish);
  };

  return {
    faults$,
    append(channel, message) {
      const isEnd = message.type === 'channel.ended';
      if (isEnd) readEnd(message.payload);
      const data = encodeStored(message);
      const finish = (stored: ChannelPosition | Uint8Array): ChannelPosition => {
        if (stored instanceof Uint8Array) throw endedBy(channel, decode(stored));
        channelTails.add(channel, { ...stored, message });
        return stored;
      };
      return write(channel, (edit) => headOf(edit, channel).end?.data ?? appendRow(edit, channel, data, isEnd), finish);
    },
    read: (channel, query) => read(() => readChannel(reader, channel, query)),
    isKnown: (channel, position) => read(() => isKnownPosition(reader, channel, position)),
    broadcast(channel, message) {
      channelTails.add(channel, { message });
      channelTails.emit();
    },
    tail: (channel) => defer(() => merge(channelTails.of(channel), closed$)),
    retain(channel, { messages, bytes, age }) {
      assertPositive('lmdbChannelLog: retain', { messages, bytes, age });
      const retention: ChannelRetention = { ...(messages && { messages }), ...(bytes && { bytes }), ...(age && { age }) };
      // A hub sets the limits in each process. They are stored already, as a rule.
      const stored = read(() => headIn(databases, channel).retention) ?? {};
      if (isDeepStrictEqual(stored, retention)) return;
      const change = (edit: ChannelEdit): void => void (headOf(edit, channel).retention = retention);
      write(channel, change, noop).subscribe({ error: (fault: StoreError) => faults$.next(fault) });
    },
    compact(channel, { message, ...entry }) {
      const data = encodeStored(message);
      return write(channel, (edit) => compactRows(edit, channel, entry, data), noop);
    },
    list: (prefix) =>
      defer(() => from(read(() => listLmdbChannels(databases, prefix)))).pipe(
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

/**
 * Makes a change in the next transaction, after those of earlier calls. Emits the result of
 * `finish`, or its exception, when the transaction is durable.
 *
 * @throws {OverflowError} If too many changes wait.
 */
type ChannelWriter = <T, U>(change: (edit: ChannelEdit) => T, finish: (result: T) => U) => Observable<U>;

interface WaitingChange {
  readonly run: (edit: ChannelEdit) => void;
  readonly onCommitted: (failure?: StoreError) => void;
}

/**
 * Creates a writer. All changes that arrive while a transaction is written share the next one,
 * which reads and stores the state of each channel once. They have no transactions of their own: if
 * one cannot be written, none is.
 */
function createChannelWriter(environment: LmdbEnvironment, rows: ChannelRowsOptions, maxPending: number): ChannelWriter {
  const waiting: WaitingChange[] = [];

  const writeGroup = (): void => {
    let group: readonly WaitingChange[] = [];
    const take = (): void => {
      group = waiting.splice(0, MAX_CHANGES);
      if (waiting.length > 0) writeGroup();
    };
    const writeAll = (): void => {
      take();
      const edit = beginEdit(rows);
      for (const { run } of group) run(edit);
      endEdit(edit);
    };
    const end = (failure?: StoreError): void => {
      // The transaction may have failed before it was begun.
      if (failure && group.length === 0) take();
      for (const { onCommitted } of group) onCommitted(failure);
      environment.channelTails.emit();
    };
    environment.write(writeAll).subscribe({
      error: (reason: unknown) => end(asLmdbStoreError(reason, environment.path)),
      complete: () => end(),
    });
  };
  return <T, U>(change: (edit: ChannelEdit) => T, finish: (result: T) => U): Observable<U> => {
    if (waiting.length >= maxPending) throw new OverflowError('lmdb', maxPending);
    const result$ = new AsyncSubject<U>();
    let result: T;
    waiting.push({
      run: (edit) => void (result = change(edit)),
      onCommitted(failure) {
        try {
          if (failure) throw failure;
          result$.next(finish(result));
          result$.complete();
        } catch (reason) {
          result$.error(reason);
        }
      },
    });
    if (waiting.length === 1) writeGroup();
    return result$;
  };
}

const closedError = (path: string): StoreError => new StoreError('lmdb', 'failed', new Error(`the log of channels in ${path} is closed`));
