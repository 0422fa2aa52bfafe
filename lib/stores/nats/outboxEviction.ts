import { StoreError } from '../../message/errors.js';
import type { NatsContext } from './natsContext.js';
import type { NatsStream } from './natsStream.js';

export interface SubjectUsage {
  readonly subject: string;
  readonly group: string;
  /** The size of its entries in bytes, without the latest one. */
  readonly bytes: number;
  /** The time at which the latest entry was stored, in ms since 1970. */
  readonly at: number;
}

export interface StreamUsage {
  /** The size of all entries, and the size that they may have, in bytes. */
  readonly bytes: number;
  readonly maxBytes: number;
  readonly subjects: readonly SubjectUsage[];
}

/** The share of a full stream that is freed at once. */
const FREED = 1 / 8;
/** The headers of JetStream with the id of a message, and with the size of its data. */
const ID = 'Nats-Msg-Id';
const SIZE = 'Nats-Msg-Size';

/**
 * Returns a function that removes messages of a full stream of outboxes. Concurrent calls share one
 * removal. It resolves with whether there is room.
 *
 * An outbox keeps its latest entry, and with it its numbers. So its session continues: a client
 * that is connected receives all messages, as its node has them in memory. A client that is away
 * loses the removed messages; its session skips their numbers.
 */
export function createOutboxEviction(
  stream: NatsStream,
  subjects: string,
  { retry, report }: Pick<NatsContext, 'retry' | 'report'>,
): () => Promise<boolean> {
  let running: Promise<boolean> | undefined;
  const evict = async (): Promise<boolean> => {
    const usage = await readUsage(stream, subjects);
    const evicted = evictedOf(usage);
    for (const filter of evicted) await stream.purge({ filter, keep: 1 });
    if (evicted.length > 0)
      report(new StoreError('nats', 'quota', new Error(`above "maxTotalBytes", ${evicted.length} outboxes were emptied`)));
    return evicted.length > 0 || excessOf(usage) <= 0;
  };
  return () => (running ??= retry(evict).finally(() => (running = undefined)));
}

export async function readUsage(stream: NatsStream, subjects: string): Promise<StreamUsage> {
  const before = await stream.info();
  const found = new Map<string, SubjectUsage & { readonly last: number }>();
  const range = { subject: subjects, from: 1, until: before.state.last_seq, headersOnly: true };
  for await (const { subject, headers, time } of stream.fetch(range)) {
    const known = found.get(subject);
    found.set(subject, {
      subject,
      group: /(?<= ).*/.exec(headers?.get(ID) ?? '')?.[0] ?? '',
      bytes: (known?.bytes ?? 0) + (known?.last ?? 0),
      at: time.getTime(),
      last: Number(headers?.get(SIZE) ?? 0),
    });
  }
  // Another node may have made room meanwhile.
  const { state, config } = await stream.info();
  return { bytes: state.bytes, maxBytes: config.max_bytes, subjects: [...found.values()] };
}

/**
 * Returns the subjects of the outboxes to be emptied: each time that of the group with most bytes
 * to which nothing was written for the longest time. So no group can evict the messages of a
 * smaller one.
 */
export function evictedOf(usage: StreamUsage): readonly string[] {
  const evicted: string[] = [];
  const groups = new Map<string, { bytes: number; readonly oldest: SubjectUsage[] }>();
  for (const subject of [...usage.subjects].sort((one, other) => other.at - one.at)) {
    if (subject.bytes === 0) continue;
    const group = groups.get(subject.group) ?? { bytes: 0, oldest: [] };
    groups.set(subject.group, group);
    group.bytes += subject.bytes;
    group.oldest.push(subject);
  }
  for (let excess = excessOf(usage); excess > 0;) {
    const [first, ...others] = groups.values();
    const largest = first && others.reduce((most, group) => (group.bytes > most.bytes ? group : most), first);
    const subject = largest?.oldest.pop();
    if (!largest || !subject) break;
    evicted.push(subject.subject);
    largest.bytes -= subject.bytes;
    excess -= subject.bytes;
  }
  return evicted;
}

function excessOf({ bytes, maxBytes }: StreamUsage): number {
  return bytes - maxBytes * (1 - FREED);
}
