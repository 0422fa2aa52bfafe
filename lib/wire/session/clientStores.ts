import { asapScheduler } from 'rxjs';
import type { ClientIdentity } from '../../core/clientHandshake.js';
import type { OutboxContents, RestoredState } from '../../core/storedTypes.js';
import { longTimer } from '../../operators/timing/longTimer.js';
import { BAD_FRAMES, MESSAGE_TOO_BIG } from '../../message/closeCode.js';
import { ConnectionLostError, StoreError } from '../../message/errors.js';
import { chain, type MaybeAsync } from '../../message/maybeAsync.js';
import type { SessionOptions } from './sessionOptions.js';
import { callStore } from '../../stores/storeErrors.js';
import type { InboxClaim } from '../../stores/inbox.js';
import type { OutboxStore, Durability } from '../../stores/outboxStore.js';
import { StoreWrites } from './storeWrites.js';

export type ClientStores = ReturnType<typeof clientStores>;

/** The functions that a client needs for stores. */
export function clientStores(outbox: OutboxStore, { inbox, microtask = asapScheduler }: SessionOptions) {
  const { isDurable } = outbox;
  let claim: InboxClaim;
  const claimOf = (): InboxClaim => claim;
  const writes = isDurable || inbox ? new StoreWrites({ outbox: isDurable ? outbox : undefined, inbox, claimOf }) : undefined;

  return {
    /** Undefined if nothing is written: a store without writes may have another owner, too. */
    writes,
    /** Returns an error if the stored messages are not known: they may not be delivered. */
    unopened: (): StoreError | undefined => (writes?.core.isRestored === false ? new StoreError('outbox', 'unopened') : undefined),
    /** Finds out which message the server refuses, if a frame was why it closed the connection. */
    isRefusal(error: unknown): boolean {
      if (!(error instanceof ConnectionLostError)) return false;
      const { closeCode, reason } = error;
      if (closeCode !== MESSAGE_TOO_BIG && closeCode !== BAD_FRAMES) return false;
      const text = `it has closed the connection with ${closeCode} each time that it received the message${reason && `: ${reason}`}`;
      return writes?.core.outbox?.refused(String(closeCode), text) === true;
    },
    /** Opens the outbox, and claims the cursor of its former owner. Returns the stored state. */
    open(identity: ClientIdentity): MaybeAsync<RestoredState> {
      const withCursor = (contents: OutboxContents): MaybeAsync<RestoredState> => {
        const { sid = '' } = contents.ticket ?? {};
        const state: RestoredState = { key: sid, outbox: isDurable ? contents : undefined };
        if (!inbox || sid === '') return state;
        // A later owner of the outbox keeps its claim.
        const claimed = callStore('inbox', () => inbox.claim(sid, (row) => ((row?.claim?.epoch ?? 0) > claim.epoch ? undefined : claim)));
        return chain(claimed, ({ record, lease }) => {
          if (lease) writes?.leases.set(sid, lease);
          return { ...state, cursor: record?.cursor };
        });
      };
      // A synchronous store would report faults before the application can subscribe to the wire.
      return chain(isDurable ? longTimer(0, microtask) : undefined, () =>
        chain(
          callStore('outbox', () => outbox.open()),
          (contents) => {
            const { pid, epoch, ticket } = contents;
            claim = { owner: `${pid}/${epoch}`, epoch, n: 0 };
            identity.own({ pid, epoch, ticket });
            return withCursor(contents);
          },
        ),
      );
    },
  };
}

/** The function that a session needs only for persistent stores. */
export interface Durable extends Durability {
  readonly clientStores: typeof clientStores;
}

const DURABLE: Durable = { kind: 'durable', clientStores };

/**
 * The `durability` of an `Inbox`, and of a persistent `OutboxStore`: the code that the client's
 * session needs for them.
 *
 * @example
 * import { durable, memoryOutbox } from 'rxwire';
 *
 * const outbox = { ...memoryOutbox(), isDurable: true, durability: durable }; // and functions of your own, that write
 */
export const durable: Durability = DURABLE;
