import type { BatchContext, Codec } from '../codec/codec.js';
import { StoreError } from '../errors.js';
import { chain, attempt, forEachInOrder, type MaybeAsync } from '../internal/maybeAsync.js';
import type { Frame } from '../link/link.js';
import type { Message } from '../message/types.js';
import { hole, lastOf, type Batch } from './batches.js';
import { decodeBody } from './encoding.js';
import type { Report } from './events.js';
import { MAX_BATCH, readFrame } from './frames.js';
import type { Negotiable } from './negotiable.js';
import type { OutboxContents, StoredBatch } from './store/outboxStore.js';

/** Reads the messages of a body whose numbers begin with `first`. */
type ReadBody = (body: Frame, first: number, count: number) => MaybeAsync<readonly Message[]>;

export interface RestoringOptions {
  readonly codec: Negotiable;
  readonly contextOf: (first: number, count: number) => BatchContext;
  readonly report: Report;
  /** Takes each message that is not done. */
  readonly open: (message: Message) => void;
}

/** Batches as a store kept them; where it has lost some, their numbers are skipped. Tells of those that cannot be read. */
export function restored(
  { acked, last = 0, batches: stored }: OutboxContents,
  { codec, contextOf, report, open }: RestoringOptions,
): MaybeAsync<readonly Batch[]> {
  const batches: Batch[] = [];
  let next = acked + 1;
  const skipTo = (first: number): void => {
    for (; next < first; next += MAX_BATCH) batches.push(hole(next, Math.min(MAX_BATCH, first - next)));
    next = Math.max(next, first);
  };
  const take = (batch: StoredBatch, messages: readonly Message[] | undefined): void => {
    if (lastOf(batch) < next || !messages) return;
    skipTo(batch.first);
    batches.push({ ...batch, messages, mayExpire: messages.some(({ ttl }) => ttl !== undefined), sentAt: 0 });
    next = lastOf(batch) + 1;
  };
  const onCorrupt = (cause: unknown): void => report({ kind: 'error', error: new StoreError('outbox', 'corrupt', cause) });
  const read: ReadBody = (body, first, count) => readStored(codec, body, contextOf(first, count));
  const taken = forEachInOrder(stored, (batch) => chain(readBack(batch, read, onCorrupt), (messages) => take(batch, messages)));
  return chain(taken, () => {
    skipTo(last + 1);
    // Of the first batch some may be acked.
    for (const { first, messages } of batches) messages.slice(Math.max(0, acked + 1 - first)).forEach(open);
    return batches;
  });
}

function readBack(
  { first, count, frame }: StoredBatch,
  readBody: ReadBody,
  onCorrupt: (cause: unknown) => void,
): MaybeAsync<readonly Message[] | undefined> {
  let isHole = false;
  const read = (): MaybeAsync<readonly Message[]> => {
    const found = readFrame(frame);
    isHole = found.kind === 'skip';
    return found.kind === 'msg' && found.first === first ? readBody(found.body, first, count) : [];
  };
  const check = (messages: readonly Message[]): readonly Message[] | undefined => {
    if (isHole || messages.length === count) return messages;
    onCorrupt(undefined);
    return undefined;
  };
  return attempt(read, check, (cause) => {
    onCorrupt(cause);
    return undefined;
  });
}

/** Reads what was stored, by whichever codec can: it is that one from now on. */
function readStored(codec: Negotiable, body: Frame, context: BatchContext): MaybeAsync<readonly Message[]> {
  const readBy = ([one, ...others]: readonly Codec[]): MaybeAsync<readonly Message[]> =>
    attempt(
      () => decodeBody(one as Codec, body, context),
      (messages) => {
        codec.choose((one as Codec).name);
        return messages;
      },
      (error) => {
        if (others[0]) return readBy(others);
        throw error;
      },
    );
  return readBy(codec.offered());
}
