import type { ConsumerInfo, JsMsg } from '@nats-io/jetstream';
import { firstValueFrom, timer } from 'rxjs';
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
 * The attempts to read from a new consumer, and the pause between them in ms: on a cluster, it is
 * not known everywhere at once.
 */
const FETCH_ATTEMPTS = 5;
const FETCH_PAUSE = 20;

type FetchParts = Pick<NatsContext, 'client' | 'manager' | 'stream' | 'scheduler'>;

/**
 * Reads the messages of a range with a consumer, as far as it has them, until `take` returns true.
 *
 * @throws {Error} Delivered, if some were lost on their way. The consumer does not send a message
 *   again, and the client of NATS continues behind the lost ones when it has reconnected.
 */
export async function fetchMessages(parts: FetchParts, range: MessageRange, take: (message: JsMsg) => boolean): Promise<void> {
  const { until, headersOnly = false } = range;
  const page = headersOnly ? PAGE_OF_HEADERS : PAGE;
  const info = await addConsumer(parts, range);
  const consumer = parts.client.consumers.getConsumerFromInfo(info);
  let [left, attempts, delivered] = [info.num_pending, 0, 0];
  try {
    while (left > 0) {
      let count = 0;
      try {
        for await (const message of await consumer.fetch({ max_messages: Math.min(left, page), expires: EXPIRES })) {
          count++;
          if (message.info.deliverySequence !== ++delivered) throw new Error('messages were lost on their way from NATS');
          left = message.seq >= until ? 0 : message.info.pending;
          if (message.seq <= until && take(message)) return;
        }
      } catch (error) {
        if (count > 0 || ++attempts === FETCH_ATTEMPTS) throw error;
        await firstValueFrom(timer(FETCH_PAUSE, parts.scheduler));
        continue;
      }
      if (count === 0) return;
    }
  } finally {
    removeConsumer(parts, info);
  }
}

/** Creates a consumer. NATS removes it when it is no longer used. */
async function addConsumer({ manager, stream }: FetchParts, { subject, from, headersOnly = false }: MessageRange): Promise<ConsumerInfo> {
  return (await manager()).consumers.add(stream, {
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
}

function removeConsumer({ manager, stream }: FetchParts, { name }: ConsumerInfo): void {
  manager()
    .then(({ consumers }) => consumers.delete(stream, name))
    .catch(() => undefined);
}
