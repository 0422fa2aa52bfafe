import { asapScheduler, noop } from 'rxjs';
import { after } from '../internal/after.js';
import { chain, type MaybeAsync } from '../internal/maybeAsync.js';
import type { EndpointOptions } from './options.js';
import type { Cursor, Inbox } from './store/inbox.js';
import type { OutboxContents, OutboxStore, Ticket } from './store/outboxStore.js';
import type { Wait } from './storing.js';

/** What whoever had these stores before has left. */
export interface Recalled extends OutboxContents {
  /** What was received in the session of the ticket, where that is known. */
  readonly cursor?: Cursor | undefined;
}

/** Opens the outbox, and finds out what was received by who had it before. */
export function recall(store: OutboxStore, { inbox, microtask = asapScheduler }: EndpointOptions): MaybeAsync<Recalled> {
  const withCursor = (contents: OutboxContents): MaybeAsync<Recalled> =>
    chain(contents.ticket && inbox?.load(contents.ticket.sid), (record) => ({ ...contents, cursor: record?.cursor }));
  // What a store tells at once would be told before anybody could subscribe to the wire.
  return chain(store.isDurable ? after(0, microtask) : undefined, () => chain(store.open(), withCursor));
}

export interface TicketState {
  /** Called when the ticket that is being stored is. */
  onStored: (() => void) | undefined;
}

interface TicketParts {
  readonly store: OutboxStore;
  /** Where the start of a new session is kept. */
  readonly inbox?: Inbox | undefined;
  readonly wait: Wait;
  readonly fail: (error: unknown) => void;
}

/** What a new session begins with. */
const START: Cursor = { done: 0, finished: [] };

/** Done when it is stored. */
export function keepTicket(ticket: Ticket, state: TicketState, { store, inbox, wait, fail }: TicketParts, done: () => void): void {
  state.onStored = noop;
  const stored = (): void => {
    const next = state.onStored;
    state.onStored = undefined;
    done();
    next?.();
  };
  // Before the ticket: to come back with that, and without knowing that nothing was processed yet, is to have forgotten how much was.
  const keep = (): MaybeAsync<void> => chain(inbox?.commit(ticket.sid, START, []), () => store.remember(ticket));
  wait(keep, stored, fail);
}
