import type { ReceivedHello } from '../../core/serverHandshake.js';
import type { ClientRecord, OutboxContents } from '../../core/storedTypes.js';
import { CallbackError } from '../../message/errors.js';
import type { IncomingConnection } from '../accept/incomingConnection.js';
import { groupOf } from './quota.js';
import { closeStore } from './clientConnection.js';
import type { Inbox, InboxLease, InboxRecord } from '../../stores/inbox.js';
import type { OutboxStore } from '../../stores/outboxStore.js';
import { storeErrorOf } from '../../stores/storeErrors.js';
import type { Wait } from '../../wire/session/scopedWait.js';
import type { SessionHost } from '../../wire/session/sessionHost.js';
import { fromStored, StoreWrites } from '../../wire/session/storeWrites.js';
import { storedClientOf } from './clientClaims.js';

interface OutboxOptions {
  readonly outbox?: (pid: string, group: string) => OutboxStore;
}

/** The stored state of a client, and the stores of its session. */
export interface StoredState {
  readonly hello: ReceivedHello;
  /** The `id` of its principal. */
  readonly owner: string | undefined;
  readonly inbox: Inbox | undefined;
  readonly lease: InboxLease | undefined;
  readonly row: InboxRecord | undefined;
  /** Undefined for a new client. */
  readonly record: ClientRecord | undefined;
  /** @default the messages to the client are kept in memory */
  readonly outbox: OutboxStore | undefined;
  /** Undefined for a new client: its outbox is opened when it has confirmed its welcome. */
  readonly contents?: OutboxContents | undefined;
}

/** The stores of the session of one client. */
export class ServedStores {
  readonly writes: StoreWrites;
  readonly lease: InboxLease | undefined;
  /** Whether the handshake of the connection in use is complete. */
  isAgreed = false;
  readonly #outbox: OutboxStore | undefined;
  /** The state, until the core has it. */
  #state: StoredState | undefined;

  constructor(state: StoredState) {
    const { hello, inbox, lease, outbox, owner } = state;
    this.#state = state;
    this.#outbox = outbox;
    this.lease = lease;
    this.writes = new StoreWrites({
      inbox,
      outbox: outbox?.isDurable ? outbox : undefined,
      recordOf: (record) => storedClientOf(record, owner),
    });
    if (lease) this.writes.leases.set(hello.pid, lease);
  }

  /**
   * Lets a session continue with the stored state: at once, or when the outbox of a new client is
   * open. A failure ends the session.
   *
   * @param then Called when the client may send frames.
   */
  restore(host: SessionHost, then?: () => void): void {
    const { hello, row, record, outbox, contents } = this.#state as StoredState;
    this.#state = undefined;
    if (outbox) host.core.outgoing.window.keepAtMost(outbox);
    const begin = (opened: OutboxContents | undefined): void => {
      this.writes.core.onRestored = then;
      host.answer((core) =>
        core.restore({ key: hello.pid, record, cursor: row && fromStored(row.cursor), outbox: outbox?.isDurable ? opened : undefined }),
      );
    };
    if (contents ?? !outbox) begin(contents);
    else openOutbox(host.wait, outbox, hello, begin, (error) => host.fail(error));
  }
  close(): void {
    if (this.#outbox) closeStore(this.#outbox);
  }
}

/**
 * Returns the outbox for a client; undefined if the server has none.
 *
 * @throws {CallbackError} When `outbox` throws.
 */
export function outboxOf({ outbox }: OutboxOptions, { principal, address }: IncomingConnection, pid: string): OutboxStore | undefined {
  try {
    return outbox?.(pid, groupOf(principal?.id, address));
  } catch (cause) {
    throw new CallbackError('outbox', cause);
  }
}

/** Opens an outbox, unless another server has opened it for a later hello. */
export function openOutbox(
  wait: Wait,
  outbox: OutboxStore,
  { epoch, n }: ReceivedHello,
  done: (contents: OutboxContents) => void,
  failed: (error: unknown) => void,
): void {
  wait(
    () => outbox.open({ epoch, n }),
    done,
    (error) => failed(storeErrorOf('outbox', error)),
  );
}
