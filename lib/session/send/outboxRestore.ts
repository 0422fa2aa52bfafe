import { asapScheduler, noop } from 'rxjs';
import type { BatchContext, Codec } from '../../codec/codec.js';
import { StoreError } from '../../errors.js';
import { after } from '../../internal/after.js';
import { attempt, chain, forEachInOrder, type MaybeAsync, type MaybePromise } from '../../internal/maybeAsync.js';
import type { Frame } from '../../link/link.js';
import type { Message } from '../../message/types.js';
import type { NegotiatedCodec } from '../codecNegotiation.js';
import { decodeBody } from '../encoding.js';
import type { EndpointOptions } from '../endpointOptions.js';
import { MAX_BATCH, readFrame } from '../protocol/frames.js';
import type { AckTracker } from '../receive/ackTracker.js';
import type { Wait } from '../serialTask.js';
import type { Report } from '../sessionEvents.js';
import { callStore } from '../store/storeErrorOf.js';
import type { ClaimedInbox, Cursor, Inbox, InboxClaim, InboxLease } from '../store/inbox.js';
import type { FrameBatch, FrameContents, OutboxCalls, Ticket } from '../store/outboxCalls.js';
import { hasTtl, hole, lastOf, type Batch } from './inFlight.js';

/** The stored state that the former owner has left. */
export interface Recalled extends FrameContents {
  /** The processed messages of the ticket's session, if known. */
  readonly cursor?: Cursor | undefined;
  /** The lease on the cursor. */
  readonly lease?: InboxLease | undefined;
}

/** Returns the claim of the owner of an outbox on the cursors of its sessions. */
function claimOf({ pid, epoch }: Pick<FrameContents, 'pid' | 'epoch'>): InboxClaim {
  return { owner: `${pid}/${epoch}`, epoch, n: 0 };
}

/**
 * Opens the outbox, and claims the cursor of its former owner in the inbox. A later owner of the
 * outbox keeps its claim.
 */
export function recall(store: OutboxCalls, { inbox, microtask = asapScheduler }: EndpointOptions): MaybeAsync<Recalled> {
  const withCursor = (contents: FrameContents): MaybeAsync<Recalled> =>
    chain(contents.ticket && inbox && callStore('inbox', claimAfter(contents.ticket, contents, inbox)), (claimed) => ({
      ...contents,
      cursor: claimed?.record?.cursor,
      lease: claimed?.lease,
    }));
  // A synchronous store would report faults before the application can subscribe to the wire.
  return chain(store.isDurable ? after(0, microtask) : undefined, () =>
    chain(
      callStore('outbox', () => store.open()),
      withCursor,
    ),
  );
}

/**
 * Returns a function that claims the cursor of a session, unless a later owner of the outbox has
 * claimed it.
 */
function claimAfter({ sid }: Ticket, contents: FrameContents, inbox: Inbox): () => MaybePromise<ClaimedInbox> {
  return () => inbox.claim(sid, (record) => ((record?.claim?.epoch ?? 0) > contents.epoch ? undefined : claimOf(contents)));
}

export interface TicketState extends Pick<FrameContents, 'pid' | 'epoch'> {
  /** Called when the ticket that is being stored is stored. */
  onStored: (() => void) | undefined;
}

interface TicketParts {
  readonly store: OutboxCalls;
  /** Where the start of a new session is stored. */
  readonly inbox?: Inbox | undefined;
  /** Tracks the messages of the session. */
  readonly tracker: AckTracker;
  readonly wait: Wait;
  readonly fail: (error: unknown) => void;
}

/** The cursor of a new session. */
const START: Cursor = { done: 0, finished: [] };

/** Stores a ticket, then calls back. */
export function keepTicket(ticket: Ticket, state: TicketState, parts: TicketParts, done: () => void): void {
  const { store, inbox, tracker, wait, fail } = parts;
  state.onStored = noop;
  const stored = (): void => {
    const next = state.onStored;
    state.onStored = undefined;
    done();
    next?.();
  };
  // The cursor is stored first: a client that returns with the ticket and without the cursor would
  // have forgotten how much it had processed.
  const keepStart = (to: Inbox): MaybeAsync<void> =>
    chain(
      callStore('inbox', () => to.claim(ticket.sid, () => claimOf(state))),
      ({ lease }) => {
        tracker.lease = lease;
        return callStore('inbox', () => to.commit(lease as InboxLease, START, []));
      },
    );
  const keep = (): MaybeAsync<void> => chain(inbox && keepStart(inbox), () => callStore('outbox', () => store.remember(ticket)));
  wait(keep, stored, fail);
}

export interface RestoreOptions {
  readonly codec: NegotiatedCodec;
  readonly contextOf: (first: number, count: number) => BatchContext;
  readonly report: Report;
  /** Called with each message that has no outcome. */
  readonly open: (message: Message) => void;
}

/**
 * Reads the batches that a store holds. Numbers whose batch the store has lost are skipped; batches
 * that cannot be read are reported.
 */
export function restoreBatches(
  { acked, last, batches: stored }: FrameContents,
  { codec, contextOf, report, open }: RestoreOptions,
): MaybeAsync<readonly Batch[]> {
  const batches: Batch[] = [];
  let next = acked + 1;
  const skipTo = (first: number): void => {
    for (; next < first; next += MAX_BATCH) batches.push(hole(next, Math.min(MAX_BATCH, first - next)));
    next = Math.max(next, first);
  };
  const take = (batch: FrameBatch, messages: readonly Message[] | undefined): void => {
    if (lastOf(batch) < next || !messages) return;
    skipTo(batch.first);
    batches.push({ ...batch, messages, mayExpire: messages.some(hasTtl), sentAt: 0 });
    next = lastOf(batch) + 1;
  };
  const onCorrupt = (cause: unknown): void => report({ kind: 'error', error: new StoreError('outbox', 'corrupt', cause) });
  const read: ReadBody = (body, first, count) => readStoredBody(codec, body, contextOf(first, count));
  const taken = forEachInOrder(stored, (batch) => chain(readStoredBatch(batch, read, onCorrupt), (messages) => take(batch, messages)));
  return chain(taken, () => {
    skipTo(last + 1);
    // Some messages of the first batch may be acked.
    for (const { first, messages } of batches) messages.slice(Math.max(0, acked + 1 - first)).forEach(open);
    return batches;
  });
}

/** Reads the messages of a body whose numbers begin with `first`. */
type ReadBody = (body: Frame, first: number, count: number) => MaybeAsync<readonly Message[]>;

function readStoredBatch(
  { first, count, frame }: FrameBatch,
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

/** Reads a stored body by the first codec that can. That codec is the current one from then on. */
function readStoredBody(codec: NegotiatedCodec, body: Frame, context: BatchContext): MaybeAsync<readonly Message[]> {
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
