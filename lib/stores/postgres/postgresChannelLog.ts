import { createHash, randomUUID } from 'node:crypto';
import { AsyncSubject, catchError, concatAll, defer, Subject, throwError, type Observable } from 'rxjs';
import { assertPositive, checkOptions } from '../../message/development.js';
import { readEnd } from '../../channels/channelPayloads.js';
import type { ChannelLog, ChannelQuery, ChannelSlice } from '../../channels/channelLog.js';
import { repeatKeyOf } from '../../channels/publisherMark.js';
import { decodeStored, encodeStored, endedBy } from '../../server/hub/storedMessage.js';
import { StoreError } from '../../message/errors.js';
import { anything, positive, readOptions, type OptionTable } from '../../message/options/readOptions.js';
import { steadyScheduler } from '../../message/steadyScheduler.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import { createChannelAppends, parseNotification, type ChannelChange } from './channelAppends.js';
import { createChannelReads, type ChannelReads, type WithConnection } from './channelReads.js';
import { channelStatements, type LimitValues } from './channelStatements.js';
import type { PostgresPool, PostgresStoreOptions } from './postgresOptions.js';
import { DEFAULT_SCHEMA, tablesOf } from './postgresSchema.js';
import { asPostgresStoreError } from './postgresStoreError.js';
import { createPostgresTails, type PostgresTails } from './postgresTails.js';
import { listenToLosses, withConnection } from './transactionClient.js';

export interface PostgresChannelLogOptions extends Pick<PostgresStoreOptions, 'schema' | 'timeout' | 'scheduler'> {
  /**
   * The pool of the application, which the application ends. The log keeps one of its connections
   * while a channel has a member.
   */
  readonly pool: PostgresPool;
  /** The maximum number of messages of a channel. @default 100_000 */
  readonly maxMessages?: number;
  /** The maximum size of a channel's encoded messages, in bytes. @default 67_108_864: 64 MiB */
  readonly maxBytes?: number;
  /** The maximum age of a message in ms, by the database's clock. @default 604_800_000: 7 days */
  readonly maxAge?: number;
  /** The maximum number of messages that wait; above it, appending fails. @default 100_000 */
  readonly maxPending?: number;
  /**
   * How often the log looks for messages of other servers whose notification was lost, in ms.
   * @default 1_000
   */
  readonly pollInterval?: number;
}

const OPTIONS = {
  pool: [anything],
  schema: [anything, DEFAULT_SCHEMA],
  maxMessages: [positive, 100_000],
  maxBytes: [positive, 67_108_864],
  maxAge: [positive, 604_800_000],
  maxPending: [positive, 100_000],
  pollInterval: [positive, 1_000],
  timeout: [positive, 30_000],
  scheduler: [anything],
} as const satisfies OptionTable<PostgresChannelLogOptions>;

/**
 * A log of channels in PostgreSQL. `broadcast` throws a `RangeError` for a message of more than
 * 5,100 encoded bytes.
 */
export interface PostgresChannelLog extends Required<Omit<ChannelLog, 'isKnown' | 'compact'>> {
  append(channel: string, message: Message): Observable<ChannelPosition>;
  read(channel: string, query: ChannelQuery): Observable<ChannelSlice>;
  /** Reports unreadable messages, and limits and ephemeral messages that were not sent. */
  readonly faults$: Observable<StoreError>;
  /** Closes the log. It still stores what was appended before. Its tails fail. */
  close(): void;
}

/**
 * Stores the history of channels in PostgreSQL. Several servers may share the database: their hubs
 * serve the same channels. Needs the tables of `postgresMigration`, and a `Pool` as of `pg`.
 *
 * An append emits its position after the commit. All appends of a server that arrive during a
 * transaction share the next one, in their order. The other servers receive a notification, and
 * read the messages. The log stores a repeat once, as long as it has the first one, whichever
 * server has stored that one.
 *
 * The log removes old messages of a channel when it appends to that channel, and never returns
 * expired ones. It removes no channel, and does not compact.
 *
 * @throws {RangeError} At call time, if a limit is not positive.
 * @throws {TypeError} At call time, if the name of the schema is invalid.
 * @throws {StoreError} Delivered: `quota` if the disk is full; `failed` if the server cannot be
 *   reached, has ended the connection or is slow, with the driver's error as `cause`.
 * @example
 * import { createMessage } from 'rxwire';
 * import { postgresChannelLog } from 'rxwire/postgres';
 * import { hub } from 'rxwire/server';
 *
 * const pool = { connect: () => Promise.reject(new Error('no server')) }; // new Pool() of pg
 * const log = postgresChannelLog({ pool });
 * const rooms = hub({ log });
 * log.append('room.1', createMessage('chat.said', { text: 'hello' })).subscribe({
 *   error: ({ text }) => console.log(text), // prints: the store postgres cannot be used
 * });
 */
export function postgresChannelLog(options: PostgresChannelLogOptions): PostgresChannelLog {
  checkOptions('postgresChannelLog', options);
  const read = readOptions('postgresChannelLog', options, OPTIONS);
  const { schema, maxPending, pollInterval, timeout, scheduler = steadyScheduler() } = read;
  const { pool } = options;
  const statements = channelStatements(tablesOf('postgresChannelLog', schema));
  const limits: LimitValues = [limitOf(read.maxMessages), limitOf(read.maxBytes), limitOf(read.maxAge)];
  const sender = `${schema}:${randomUUID()}`;
  const faults$ = new Subject<StoreError>();
  listenToLosses(pool);

  const connect: WithConnection = (work) => withConnection({ pool, timeout, scheduler }, work);
  const decode = (base64: string): Message | undefined => {
    const message = decodeStored(Buffer.from(base64, 'base64'));
    if (!message) faults$.next(new StoreError('postgres', 'corrupt'));
    return message;
  };
  const reads = createChannelReads(connect, statements, limits, decode);
  const onNotified = (payload: string): void => {
    const { channel, broadcast, ...from } = parseNotification(payload);
    if (from.sender === sender || !from.sender.startsWith(`${schema}:`)) return;
    const message = broadcast === undefined ? undefined : decode(broadcast);
    if (message) tails.broadcast(channel, { message });
    else tails.follow(channel);
  };
  const tails = createPostgresTails({ pool, pollInterval, scheduler, reads, onNotified });
  const change = createChannelAppends({ statements, limits, maxPending, sender, withConnection: connect });
  return createLog({ reads, tails, change, decode, faults$ });
}

interface LogParts {
  readonly reads: ChannelReads;
  readonly tails: PostgresTails;
  readonly change: (change: ChannelChange) => void;
  readonly decode: (base64: string) => Message | undefined;
  readonly faults$: Subject<StoreError>;
}

function createLog({ reads, tails, change, decode, faults$ }: LogParts): PostgresChannelLog {
  let isOpen = true;

  const assertUsable = (channel: string): void => {
    if (!isOpen) throw closedError();
    // PostgreSQL does not store these characters.
    if (!/^[^\0\p{Surrogate}]{1,255}$/u.test(channel))
      throw new TypeError(`postgresChannelLog: a name has 1 to 255 characters and no NUL, not ${JSON.stringify(channel)}`);
  };
  const delivered = <T>(work: () => Promise<T>): Observable<T> =>
    defer(work).pipe(catchError((reason: unknown) => throwError(() => asPostgresStoreError(reason))));
  const onFailed: ChannelChange['onOutcome'] = (outcome) => outcome instanceof StoreError && faults$.next(outcome);

  return {
    dropsRepeats: true,
    faults$,
    append(channel, message) {
      assertUsable(channel);
      const isEnd = message.type === 'channel.ended';
      if (isEnd) readEnd(message.payload);
      const result$ = new AsyncSubject<ChannelPosition>();
      const onOutcome: ChannelChange['onOutcome'] = (outcome) => {
        if (outcome instanceof StoreError) return result$.error(outcome);
        const { position, end, isRepeat } = outcome;
        if (!position) return result$.error(endedBy(channel, end === undefined ? undefined : decode(end)));
        result$.next(position);
        result$.complete();
        if (!isRepeat) tails.add(channel, { ...position, message });
      };
      change({ channel, append: { data: encodeStored(message), key: hashOf(repeatKeyOf(message)), isEnd }, onOutcome });
      return result$;
    },
    read(channel, query) {
      assertUsable(channel);
      return delivered(() => tails.started(channel).then(() => reads.read(channel, query)));
    },
    broadcast(channel, message) {
      assertUsable(channel);
      const broadcast = Buffer.from(encodeStored(message)).toString('base64');
      if (broadcast.length > MAX_BROADCAST)
        throw new RangeError(
          `postgresChannelLog: an ephemeral message has up to ${MAX_BROADCAST} bytes in base64, not ${broadcast.length}`,
        );
      tails.broadcast(channel, { message });
      change({ channel, broadcast, onOutcome: onFailed });
    },
    tail: (channel) =>
      defer(() => {
        assertUsable(channel);
        return tails.of(channel);
      }),
    retain(channel, { messages, bytes, age }) {
      assertUsable(channel);
      assertPositive('postgresChannelLog: retain', { messages, bytes, age });
      change({ channel, retention: { ...(messages && { messages }), ...(bytes && { bytes }), ...(age && { age }) }, onOutcome: onFailed });
    },
    list: (prefix) => delivered(() => reads.list(prefix)).pipe(concatAll()),
    close() {
      isOpen = false;
      tails.fail(closedError());
    },
  };
}

/** A notification has up to 7,999 bytes, of which the sender and the channel need some. */
const MAX_BROADCAST = 6_800;

const limitOf = (limit: number): string => String(Math.min(limit, Number.MAX_SAFE_INTEGER));

/** A key may be too long for an index, and may have characters that PostgreSQL does not store. */
const hashOf = (key: string): string => createHash('sha256').update(key).digest('base64url');

const closedError = (): StoreError => new StoreError('postgres', 'failed', new Error('the log of channels is closed'));
