import type { ChannelRetention } from '../../channels/channelLog.js';
import { OverflowError, StoreError } from '../../message/errors.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { WithConnection } from './channelReads.js';
import type { ChannelStatements, LimitValues } from './channelStatements.js';
import { asPostgresStoreError } from './postgresStoreError.js';
import type { TransactionClient } from './transactionClient.js';

/** A message that waits for its transaction, new limits of a channel, or a broadcast. */
export interface ChannelChange {
  readonly channel: string;
  readonly append?: {
    readonly data: Uint8Array;
    /** Identifies the message: another one with the same key is a repeat. */
    readonly key: string;
    readonly isEnd: boolean;
  };
  readonly retention?: ChannelRetention;
  /** A message that only the notification contains. */
  readonly broadcast?: string;
  readonly onOutcome: (outcome: ChangeOutcome | StoreError) => void;
}

/** The result of a change: the position of the message, or the end of its channel, encoded. */
export interface ChangeOutcome {
  readonly position?: ChannelPosition;
  readonly isRepeat?: boolean;
  readonly end?: string;
}

export interface ChannelAppendsOptions {
  readonly statements: ChannelStatements;
  readonly limits: LimitValues;
  /** The maximum number of changes that wait. */
  readonly maxPending: number;
  /** Begins each notification: see {@link parseNotification}. */
  readonly sender: string;
  readonly withConnection: WithConnection;
}

const NO_BROADCAST = '-';
/** The maximum number of changes of a transaction, and about their maximum size in bytes. */
const MAX_CHANGES = 1_000;
const MAX_BYTES = 4_194_304;
/** How many messages a transaction removes of a channel in addition to those that it appends. */
const MAX_REMOVALS = 100;

/** The sender, a message in base64 or {@link NO_BROADCAST}, and a channel. */
const NOTIFICATION = /^(?<sender>\S+) (?<broadcast>\S+) (?<channel>.+)$/s;

/** Reads a notification, which any user of the database may have sent. */
export function parseNotification(payload: string) {
  const { sender = '', broadcast = NO_BROADCAST, channel = '' } = NOTIFICATION.exec(payload)?.groups ?? {};
  return { sender, channel, ...(broadcast !== NO_BROADCAST && { broadcast }) };
}

/** Returns a function that makes a change in the next transaction, which changes share. */
export function createChannelAppends(options: ChannelAppendsOptions): (change: ChannelChange) => void {
  const waiting: ChannelChange[] = [];
  let isWriting = false;

  const write = async (): Promise<void> => {
    isWriting = true;
    while (waiting.length > 0) {
      // The changes of one run share a transaction.
      await Promise.resolve();
      let bytes = 0;
      const end = waiting.findIndex(({ append }, index) => index === MAX_CHANGES || (bytes += append?.data.length ?? 0) > MAX_BYTES);
      const group = waiting.splice(0, end < 0 ? waiting.length : Math.max(1, end));
      const outcomes = await options.withConnection((client) => storeChanges(client, group, options)).catch(asPostgresStoreError);
      group.forEach(({ onOutcome }, index) => onOutcome(outcomes instanceof StoreError ? outcomes : (outcomes[index] ?? {})));
    }
    isWriting = false;
  };
  return (change) => {
    if (waiting.length >= options.maxPending) throw new OverflowError('postgres', options.maxPending);
    waiting.push(change);
    if (!isWriting) void write();
  };
}

interface LockedChannel {
  readonly name: string;
  readonly epoch: string;
  last: number;
  total: number;
  end_offset: number | null;
  end_data: string | null;
  max_messages: number | null;
  max_bytes: number | null;
  max_age: number | null;
}

interface StoredMessage {
  readonly channel: string;
  readonly key: string;
  readonly position: number;
}

/** Makes changes in one transaction. It locks the channels first, to see the changes of others. */
async function storeChanges(
  { query }: TransactionClient,
  changes: readonly ChannelChange[],
  { statements, limits, sender }: ChannelAppendsOptions,
): Promise<readonly ChangeOutcome[]> {
  const notified = changes.flatMap(({ channel, broadcast }) => (broadcast === undefined ? [] : [`${sender} ${broadcast} ${channel}`]));
  const stored = changes.filter(({ broadcast }) => broadcast === undefined);
  if (stored.length === 0) {
    await query(statements.notify, [JSON.stringify(notified)]);
    return [];
  }
  const names = JSON.stringify([...new Set(stored.map(({ channel }) => channel))]);
  const keys = stored.flatMap(({ channel, append }) => (append ? [{ channel, key: append.key }] : []));
  const [, , rows, repeats] = await Promise.all([
    query('begin isolation level read committed read write'),
    query(statements.create, [names]),
    query(statements.lock, [names]),
    query(statements.find, [JSON.stringify(keys)]),
  ]);
  const channels = new Map((rows as readonly LockedChannel[]).map((row) => [row.name, { ...row }]));
  const known = new Map((repeats as readonly StoredMessage[]).map(({ channel, key, position }) => [`${key} ${channel}`, position]));

  const put: object[] = [];
  const outcomes = changes.map(({ channel, append, retention, broadcast }): ChangeOutcome => {
    const row = channels.get(channel);
    if (broadcast !== undefined) return {};
    if (!row) throw new Error(`the channel ${channel} was removed from the database`);
    if (retention) {
      const { messages = null, bytes = null, age = null } = retention;
      Object.assign(row, { max_messages: messages, max_bytes: bytes, max_age: age });
    }
    if (!append) return {};
    const { data, key, isEnd } = append;
    const offset = known.get(`${key} ${channel}`);
    if (offset !== undefined) return { position: { epoch: row.epoch, offset }, isRepeat: true };
    if (row.end_data !== null) return { end: row.end_data };
    row.last++;
    row.total += data.length;
    const text = Buffer.from(data).toString('base64');
    put.push({ channel, position: row.last, key, size: data.length, total: row.total, data: text });
    known.set(`${key} ${channel}`, row.last);
    if (isEnd) Object.assign(row, { end_offset: row.last, end_data: text });
    return { position: { epoch: row.epoch, offset: row.last } };
  });
  const heads = [...channels.values()];
  notified.unshift(...heads.map(({ name }) => `${sender} ${NO_BROADCAST} ${name}`));
  await Promise.all([
    query(statements.put, [JSON.stringify(put)]),
    query(statements.write, [JSON.stringify(heads)]),
    query(statements.trim, [names, ...limits, String(changes.length + MAX_REMOVALS)]),
    query(statements.notify, [JSON.stringify(notified)]),
    query('commit'),
  ]);
  return outcomes;
}
