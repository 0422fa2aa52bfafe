import { StoreError } from '../errors.js';
import type { NatsContext } from './natsContext.js';
import { retrying } from './retrying.js';
import type { StreamUsage, SubjectStream, SubjectUsage } from './subjectStream.js';

/** The share of a full stream that is freed at once. */
const FREED = 1 / 8;

/**
 * Returns a function that removes messages of a full stream of outboxes. Concurrent calls share one
 * removal. It resolves with whether there is room.
 *
 * An outbox keeps its latest entry, and with it its numbers. So its session continues: a client
 * that is connected receives all messages, as its node has them in memory. A client that is away
 * loses the removed messages; its session skips their numbers.
 */
export function createOutboxEviction(stream: SubjectStream, context: NatsContext): () => Promise<boolean> {
  let running: Promise<boolean> | undefined;
  const evict = async (): Promise<boolean> => {
    const usage = await stream.usage();
    const names = evictedOf(usage);
    for (const name of names) await stream.keepLatest(name);
    if (names.length > 0)
      context.report(new StoreError('nats', 'quota', new Error(`above "maxTotalBytes", ${names.length} outboxes were emptied`)));
    return names.length > 0 || excessOf(usage) <= 0;
  };
  return () =>
    (running ??= retrying(context, evict).finally(() => {
      running = undefined;
    }));
}

/**
 * Returns the names of the outboxes to be emptied: each time that of the group with most bytes to
 * which nothing was written for the longest time. So no group can evict the messages of a smaller
 * one.
 */
export function evictedOf(usage: StreamUsage): readonly string[] {
  const names: string[] = [];
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
    names.push(subject.name);
    largest.bytes -= subject.bytes;
    excess -= subject.bytes;
  }
  return names;
}

/** Returns the number of bytes that must be removed. */
function excessOf({ bytes, maxBytes }: StreamUsage): number {
  return bytes - maxBytes * (1 - FREED);
}
