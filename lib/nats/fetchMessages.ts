import type { JsMsg } from '@nats-io/jetstream';
import type { NatsContext } from './natsContext.js';

export interface MessageRange {
  /** A subject of the stream; it may contain wildcards. */
  readonly subject: string;
  /** The sequence numbers to read from and to, both inclusive. */
  readonly from: number;
  readonly until: number;
  /** Whether the messages have headers, and no data. @default false */
  readonly headersOnly?: boolean;
}

/** The time to wait, in ms, for messages that were removed after they were counted. */
const EXPIRES = 1_000;
/** The number of messages that are requested at once, with data and without. */
const PAGE = 64;
const PAGE_OF_HEADERS = 1_024;

/**
 * Reads the messages of a range with a consumer, as far as it has them, until `take` returns true.
 *
 * @throws {Error} Delivered, if some were lost on their way: the consumer does not send a message
 *   again, and the client of NATS continues behind the lost ones when it has reconnected. Also if
 *   not all servers of a cluster know the new consumer yet.
 */
export async function fetchMessages(
  { client, manager }: NatsContext,
  stream: string,
  { subject, from, until, headersOnly = false }: MessageRange,
  take: (message: JsMsg) => boolean,
): Promise<void> {
  const { consumers } = await manager();
  const info = await consumers.add(stream, {
    ack_policy: 'none',
    deliver_policy: 'by_start_sequence',
    replay_policy: 'instant',
    opt_start_seq: Math.max(1, from),
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: 30e9,
    filter_subject: subject,
    headers_only: headersOnly,
  });
  const consumer = client.consumers.getConsumerFromInfo(info);
  const page = headersOnly ? PAGE_OF_HEADERS : PAGE;
  let [left, delivered] = [info.num_pending, 0];
  try {
    while (left > 0) {
      const before = delivered;
      for await (const message of await consumer.fetch({ max_messages: Math.min(left, page), expires: EXPIRES })) {
        if (message.info.deliverySequence !== ++delivered) throw new Error('messages were lost on their way from NATS');
        left = message.seq >= until ? 0 : message.info.pending;
        if (message.seq <= until && take(message)) return;
      }
      if (delivered === before) return;
    }
  } finally {
    // NATS removes it later, if this request fails.
    consumers.delete(stream, info.name).catch(() => undefined);
  }
}
