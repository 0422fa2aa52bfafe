import { asapScheduler, auditTime, defer, distinctUntilChanged, map, startWith, tap, type Observable, type SchedulerLike } from 'rxjs';
import { checkOptions } from '../../message/development.js';
import type { ChannelPublish } from '../../message/channelTypes.js';
import type { PendingStatus, Receipt } from '../../message/receipt.js';
import type { Message } from '../../message/types.js';
import type { Wire } from '../../wire/wire.js';

/** A message that a wire has accepted, and that has no outcome yet. `M` is its type. */
export interface PendingMessage<M extends Message = Message> {
  /**
   * The message as it was sent; one that a durable outbox has restored, as its codec has decoded
   * it. A message to a channel is the published message, with its own type.
   */
  readonly message: M;
  /** The channel to which the message is published. @default the message is not for a channel */
  readonly channel?: string;
  /**
   * `queued`: it waits to be sent. `stored`: it waits, and a durable outbox keeps it. `sent`: it
   * waits for its ack, maybe without a connection.
   */
  readonly status: PendingStatus;
  /** How often it was sent since the subscription; at least 1 if it was sent at all. */
  readonly attempts: number;
}

export interface PendingOptions {
  /** Schedules emissions: the changes of one run are emitted together. @default asapScheduler */
  readonly microtask?: SchedulerLike;
}

/**
 * Emits the messages of a wire that have no outcome yet: now, and at the end of each microtask in
 * which one of them has changed. Those that were sent or stored come first, in the order of their
 * numbers, then those that wait, in the order of the calls of `next`. Completes with the wire.
 *
 * With a durable outbox, the messages that an earlier process or page has left are among them. A
 * message without an outcome when the wire ends is in the last array: the outbox keeps it. The
 * messages of a stored batch that cannot be decoded are not: they are never sent, and `errors$`
 * reports them.
 *
 * Each array is new and frozen, and its entries stay the same objects while they do not change. The
 * outbox and `maxQueued` limit its length. While there is a subscriber, the other side acks each
 * message at once, as for `receipts$`.
 *
 * @example
 * import { filter, map } from 'rxjs';
 * import { connect, createMessage, pendingOf, webSocket } from 'rxwire';
 *
 * const wire = connect({ link: webSocket('ws://127.0.0.1:4870/wire') });
 * const outbox$ = pendingOf(wire).pipe(
 *   map((pending) => pending.map(({ message, status }) => `${message.type}: ${status}`)),
 * );
 * outbox$.pipe(filter((rows) => rows.length > 0)).subscribe((rows) => console.log(rows.join())); // prints: chat.said: queued
 * wire.next(createMessage('chat.said', { text: 'hello' }, { delivery: 'at-most-once' }));
 */
export function pendingOf(wire: Wire, options: PendingOptions = {}): Observable<readonly PendingMessage[]> {
  checkOptions('pendingOf', options);
  const { microtask = asapScheduler } = options;
  return defer(() => {
    const list = createPendingList(wire);
    return wire.receipts$.pipe(
      tap((receipt) => list.note(receipt)),
      auditTime(0, microtask),
      startWith(undefined),
      map(() => list.read()),
      distinctUntilChanged(),
    );
  });
}

/** Emits the pending messages of these types, as {@link pendingOf} does; all without a type. */
export function pendingOfTypes(wire: Wire, types: readonly string[]): Observable<readonly PendingMessage[]> {
  const wanted = new Set(types);
  if (wanted.size === 0) return pendingOf(wire);
  return pendingOf(wire).pipe(
    map((pending) => pending.filter(({ message }) => wanted.has(message.type))),
    distinctUntilChanged((one, other) => one.length === other.length && one.every((entry, index) => entry === other[index])),
  );
}

/** Returns the message that is published to a channel; any other message itself. */
function published(carrier: Message): { readonly message: Message; readonly channel?: string } {
  if (carrier.type !== 'channel.publish') return { message: carrier };
  const { message, channel } = Object(carrier.payload) as Partial<ChannelPublish<Message>>;
  return message && channel !== undefined ? { message, channel } : { message: carrier };
}

function createPendingList(wire: Wire) {
  let known: ReadonlyMap<string, PendingMessage> = new Map();
  let list: readonly PendingMessage[] = Object.freeze([]);
  const sent = new Map<string, number>();

  const entry = (carrier: Message, status: PendingStatus): PendingMessage => {
    const { id } = carrier;
    const { message, channel } = published(carrier);
    const attempts = sent.get(id) ?? (status === 'sent' ? 1 : 0);
    if (attempts > 0) sent.set(id, attempts);
    const former = known.get(id);
    const isSame = former?.message === message && former.status === status && former.attempts === attempts;
    return isSame ? former : { message, status, attempts, ...(channel !== undefined && { channel }) };
  };
  return {
    note({ id, status }: Receipt): void {
      if (status === 'sent') sent.set(id, (sent.get(id) ?? 0) + 1);
    },
    read(): readonly PendingMessage[] {
      const entries = new Map<string, PendingMessage>();
      const { session } = wire;
      const pending = session?.pending;
      for (const [status, messages] of session?.steps() ?? [])
        for (const message of messages) if (pending?.get(message.id) === message) entries.set(message.id, entry(message, status));
      for (const message of pending?.values() ?? []) if (!entries.has(message.id)) entries.set(message.id, entry(message, 'queued'));
      for (const id of sent.keys()) if (!entries.has(id)) sent.delete(id);
      const next = [...entries.values()];
      known = entries;
      if (next.length !== list.length || next.some((one, index) => one !== list[index])) list = Object.freeze(next);
      return list;
    },
  };
}
