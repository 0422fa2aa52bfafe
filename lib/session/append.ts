import type { StoreError } from '../errors.js';
import { attempt, chain, type MaybeAsync } from '../internal/maybeAsync.js';
import type { Message } from '../message/types.js';
import { lastOf, numbered, type Batch } from './batches.js';
import type { Encode } from './encoding.js';
import type { Ledger } from './ledger.js';
import type { OutboxStore } from './store/outboxStore.js';

export interface AppendOptions {
  readonly store: OutboxStore;
  readonly ledger: Ledger;
  readonly encode: Encode;
}

/** Stores batches, and answers with those that are stored. Where there is no room for all there may be for some: one message must not take the others with it. */
export function append(batches: readonly Batch[], options: AppendOptions): MaybeAsync<readonly Batch[]> {
  const [one] = batches;
  if (!one) return [];
  const refused = (reason: unknown): MaybeAsync<readonly Batch[]> => {
    const error = reason as StoreError;
    const messages = batches.flatMap((batch) => batch.messages);
    const middle = messages.length >> 1;
    if (error.fault === 'quota' && middle > 0) return appendHalves([messages.slice(0, middle), messages.slice(middle)], one, options);
    for (const { id } of messages) options.ledger.close(id, 'dead', { error });
    return [];
  };
  return attempt(
    () => options.store.append(batches),
    () => batches,
    refused,
  );
}

/** They are encoded anew, as a body belongs to its numbers. */
function appendHalves(
  [left, right]: readonly [readonly Message[], readonly Message[]],
  { first, delivery }: Batch,
  options: AppendOptions,
): MaybeAsync<readonly Batch[]> {
  const half = (messages: readonly Message[], next: number): MaybeAsync<readonly Batch[]> =>
    chain(options.encode(messages, next), (encoded) => append(numbered(encoded, next, delivery), options));
  return chain(half(left, first), (stored) =>
    chain(half(right, Math.max(first, ...stored.map((batch) => lastOf(batch) + 1))), (others) => [...stored, ...others]),
  );
}
