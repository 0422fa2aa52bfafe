import type { JsMsg, PurgeOpts, StreamConfig, StreamInfoRequestOptions } from '@nats-io/jetstream';
import { StoreError, UnsupportedError } from '../../message/errors.js';
import { codeOf, isOvertaken, isStreamMissing, type NatsContext, STREAM_FULL, STREAM_NOT_FOUND } from './natsContext.js';

/** The configuration of a stream. Its limits may be changed later. */
export interface StreamDefinition extends Pick<StreamConfig, 'name' | 'subjects' | 'discard'>, StreamLimits {
  readonly republish?: { readonly src: string; readonly dest: string };
}

/** The limits of a stream. @default each is `Infinity` */
export interface StreamLimits {
  /** The maximum number of entries of a subject; the oldest are removed. */
  readonly maxMessages?: number;
  readonly maxBytes?: number;
  /** The time after which an entry is removed, in ms. */
  readonly maxAge?: number;
}

export interface MessageRange {
  /** A subject of the stream; it may contain wildcards. */
  readonly subject: string;
  /** The sequence numbers to read from and to, both inclusive. */
  readonly from: number;
  readonly until: number;
  /** Whether the messages have headers, and no data. @default false */
  readonly headersOnly?: boolean;
}

/** Asks for the message with a number, the first of a subject from it on, or the last of one. */
export type MessageQuery = { readonly seq: number; readonly next_by_subj?: string } | { readonly last_by_subj: string };

/** A message that is stored directly behind another one of its subject. */
export interface NewMessage {
  readonly subject: string;
  readonly data: Uint8Array | string;
  /** The sequence number of the last message of the subject; 0 if there is none. */
  readonly behind: number;
  /** The id of the message in JetStream: different for each attempt. */
  readonly id?: string;
}

export type NatsStream = ReturnType<typeof createNatsStream>;

/**
 * A stream of JetStream, which is created if it does not exist. Each request is one attempt, and
 * fails with the error of NATS. It rejects while there is no connection: the client of NATS would
 * keep the request, and send it late.
 */
export function createNatsStream(context: NatsContext, definition: StreamDefinition) {
  const { client, manager, timeout, isConnected } = context;
  const { name } = definition;
  let opening: Promise<unknown> | undefined;

  /** Opens the stream once for all requests, also after its deletion. */
  const attempt = async <T>(request: () => Promise<T>): Promise<T> => {
    if (!isConnected()) throw new Error('the connection to NATS is lost');
    const mine = (opening ??= openStream(context, definition));
    let isOpen = false;
    try {
      await mine;
      isOpen = true;
      return await request();
    } catch (error) {
      // Another request may have opened it again.
      if (opening === mine && (!isOpen || isStreamMissing(error))) opening = undefined;
      throw error;
    }
  };
  const publish = async ({ subject, data, behind, id }: NewMessage, limit: number): Promise<number | undefined> => {
    const options = { timeout: limit, expect: { lastSubjectSequence: behind } };
    try {
      const { seq, duplicate } = await client.publish(subject, data, { ...options, ...(id !== undefined && { msgID: id }) });
      // JetStream answers so for an entry that its replicas do not have.
      if (duplicate || seq <= 0) throw new Error('JetStream has not confirmed the entry');
      return seq;
    } catch (error) {
      if (isOvertaken(error)) return undefined;
      throw codeOf(error) === STREAM_FULL ? new StoreError('nats', 'quota', error) : error;
    }
  };
  return {
    info: (query?: Partial<StreamInfoRequestOptions>) => attempt(async () => (await manager()).streams.info(name, query)),
    /** Reads one message from the leader of the stream: a replica might lag behind. */
    get: (query: MessageQuery) => attempt(async () => (await (await manager()).streams.getMessage(name, query)) ?? undefined),
    async *fetch(range: MessageRange): AsyncGenerator<JsMsg> {
      await attempt(() => Promise.resolve());
      yield* fetchMessages(context, name, range);
    },
    /**
     * Stores a message if `behind` is the last one of its subject. Returns its sequence number;
     * undefined if the subject has another last message, or one is being stored. If it fails, the
     * outcome is unknown: the message may have been stored, or may be stored later, but only while
     * `behind` is the last one.
     *
     * @throws {StoreError} Delivered: `quota`, if the stream is full.
     */
    append: (message: NewMessage, limit = timeout) => attempt(() => publish(message, limit)),
    purge: (options: PurgeOpts) => attempt(async () => (await manager(timeout)).streams.purge(name, options)),
  };
}

/**
 * Creates the stream if it does not exist, and updates its limits if they differ.
 *
 * @throws {UnsupportedError} Delivered, if there is a stream of this name with other subjects.
 */
async function openStream({ manager, timeout, storage, replicas }: NatsContext, definition: StreamDefinition): Promise<void> {
  const { name, subjects, discard } = definition;
  const limits = limitsOf(definition);
  const { streams } = await manager();
  try {
    const { config } = await streams.info(name);
    const missing = subjects.find((subject) => !config.subjects.includes(subject));
    if (missing !== undefined)
      throw new UnsupportedError(`the stream ${name} belongs to another application: it has no subject ${missing}`);
    if (!hasLimits(config, limits)) await streams.update(name, limits);
  } catch (error) {
    if (codeOf(error) !== STREAM_NOT_FOUND) throw error;
    // The answer comes when the stream has elected its first leader.
    const creator = await manager(timeout);
    await creator.streams.add({ name, subjects, discard, storage, num_replicas: replicas, ...limits });
  }
}

type JetStreamLimits = Pick<StreamConfig, 'max_msgs_per_subject' | 'max_bytes' | 'max_age' | 'duplicate_window'> &
  Partial<Pick<StreamConfig, 'republish'>>;

const nanos = (ms: number): number => Math.round(ms * 1e6);
const orUnlimited = (limit: number): number => (Number.isFinite(limit) ? limit : -1);

/** The shortest window that NATS allows, in ms. No stream of rxwire lets NATS detect duplicates. */
const DUPLICATE_WINDOW = 100;

function limitsOf({ maxMessages = Infinity, maxBytes = Infinity, maxAge = Infinity, republish }: StreamDefinition): JetStreamLimits {
  return {
    max_msgs_per_subject: orUnlimited(maxMessages),
    max_bytes: orUnlimited(maxBytes),
    max_age: Number.isFinite(maxAge) ? nanos(maxAge) : 0,
    duplicate_window: nanos(Math.min(DUPLICATE_WINDOW, maxAge)),
    ...(republish && { republish }),
  };
}

function hasLimits({ republish, ...config }: JetStreamLimits, { republish: wanted, ...limits }: JetStreamLimits): boolean {
  const isRepublished = republish?.src === wanted?.src && republish?.dest === wanted?.dest;
  return isRepublished && (Object.keys(limits) as (keyof typeof limits)[]).every((name) => config[name] === limits[name]);
}

/** The time to wait, in ms, for messages that were removed after they were counted. */
const EXPIRES = 1_000;
/** The number of messages that are requested at once, with data and without. */
const PAGE = 64;
const PAGE_OF_HEADERS = 1_024;

/**
 * Emits the messages of a range with a consumer, as far as it has them.
 *
 * @throws {Error} Delivered, if some were lost on their way: the consumer does not send a message
 *   again, and the client of NATS continues behind the lost ones when it has reconnected. Also if
 *   not all servers of a cluster know the new consumer yet.
 */
async function* fetchMessages({ client, manager }: NatsContext, stream: string, range: MessageRange): AsyncGenerator<JsMsg> {
  const { subject, from, until, headersOnly = false } = range;
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
        if (message.seq <= until) yield message;
      }
      if (delivered === before) return;
    }
  } finally {
    // NATS removes it later, if this request fails.
    consumers.delete(stream, info.name).catch(() => undefined);
  }
}
