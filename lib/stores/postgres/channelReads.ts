import type { ChannelEntry, ChannelInfo, ChannelQuery, ChannelSlice } from '../../channels/channelLog.js';
import { PAGE_BYTES, rangeOf } from '../../channels/channelRange.js';
import type { ChannelPosition } from '../../message/channelTypes.js';
import type { Message } from '../../message/types.js';
import type { ChannelStatements, LimitValues } from './channelStatements.js';
import type { TransactionClient } from './transactionClient.js';

type Row = Readonly<
  Record<'name' | 'epoch' | 'data', string> &
    Record<'last' | 'at' | 'position' | 'end_offset', number> &
    Record<'first', number | null> &
    Record<'end_data', string | null> &
    Record<'has_ended', boolean>
>;

export type WithConnection = <T>(work: (client: TransactionClient) => Promise<T>) => Promise<T>;

export type ChannelReads = ReturnType<typeof createChannelReads>;

/** @param decode Decodes a message; undefined for an unreadable one, which is reported. */
export function createChannelReads(
  withConnection: WithConnection,
  statements: ChannelStatements,
  kept: LimitValues,
  decode: (base64: string) => Message | undefined,
) {
  const read = async (client: TransactionClient, channel: string, query: ChannelQuery): Promise<ChannelSlice> => {
    const [head] = (await client.query(statements.head, [channel, ...kept])) as readonly Row[];
    if (!head) throw new Error('the row of the empty channel is missing: run postgresMigration again');
    const { epoch, last, first } = head;
    const range = rangeOf(query, { epoch, last, removed: first === null ? last : first - 1, hasEnded: head.end_data !== null });
    const isEmpty = query.limit === 0 || range.first >= range.end;
    const limits = [Math.min(query.limit, Number.MAX_SAFE_INTEGER), query.maxBytes ?? PAGE_BYTES];
    const entries: ChannelEntry[] = [];
    let firstRead: number | undefined;
    let isReadable = true;
    // Behind a page without a readable message there may be others.
    for (let next = range.first; !isEmpty && entries.length === 0 && next < range.end;) {
      const rows = (await client.query(statements.page, [channel, ...[next, range.end, ...limits].map(String)])) as readonly Row[];
      firstRead ??= rows[0]?.position;
      for (const { position, data } of rows) {
        const message = decode(data);
        if (message) entries.push({ epoch, offset: position, message });
        else isReadable = false;
      }
      next = (rows.at(-1)?.position ?? range.end) + 1;
    }
    const end = head.end_data === null ? undefined : decode(head.end_data);
    return {
      epoch,
      last,
      entries,
      // Another server may have removed messages after the first statement. A reader that passes
      // over an unreadable one misses it.
      isComplete: range.isComplete && (isEmpty || firstRead === range.first) && (isReadable || query.after === undefined),
      ...(end && { end: { epoch, offset: head.end_offset, message: end } }),
    };
  };
  const query = (text: string, value: string) => withConnection((client) => client.query(text, [value])) as Promise<readonly Row[]>;

  return {
    read: (channel: string, request: ChannelQuery) => withConnection((client) => read(client, channel, request)),
    async ends(channels: readonly string[]): Promise<ReadonlyMap<string, ChannelPosition>> {
      const rows = await query(statements.ends, JSON.stringify(channels));
      return new Map(rows.map(({ name, epoch, last }) => [name, { epoch, offset: last }]));
    },
    async list(prefix: string): Promise<readonly ChannelInfo[]> {
      const rows = await query(statements.list, prefix);
      return rows.map(({ name, epoch, last, at, has_ended: hasEnded }) => {
        return { name, last: { epoch, offset: last }, at, hasEnded };
      });
    },
  };
}
