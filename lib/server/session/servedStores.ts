import type { ReceivedHello } from '../../core/serverHandshake.js';
import type { ClientRecord, OutboxContents } from '../../core/storedTypes.js';
import { CallbackError } from '../../message/errors.js';
import { callSafely } from '../../message/errors/callSafely.js';
import { reportUncaught } from '../../message/errors/reportUncaught.js';
import type { Inbox, InboxLease, InboxRecord } from '../../stores/inbox.js';
import type { OutboxStore } from '../../stores/outboxStore.js';
import { storeErrorOf } from '../../stores/storeErrors.js';
import type { Wait } from '../../wire/session/scopedWait.js';
import type { SessionHost } from '../../wire/session/sessionHost.js';
import { StoreWrites } from '../../wire/session/storeWrites.js';
import { storedClientOf } from './clientClaims.js';

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
  #contents: OutboxContents | undefined;

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

  /** Opens the outbox, unless another server has opened it for a later hello. */
  open(wait: Wait, done: () => void, failed: (error: unknown) => void): void {
    const { outbox, hello } = this.#state as StoredState;
    if (!outbox) {
      done();
      return;
    }
    const opened = (contents: OutboxContents): void => {
      this.#contents = contents;
      done();
    };
    wait(
      () => outbox.open({ epoch: hello.epoch, n: hello.n }),
      opened,
      (error) => failed(storeErrorOf('outbox', error)),
    );
  }
  /**
   * Lets a session continue with the stored state: at once, or when the outbox of a new client is
   * open. A failure ends the session.
   *
   * @param then Called when the client may send frames.
   */
  restore(host: SessionHost, then?: () => void): void {
    const { hello, row, record, outbox } = this.#state as StoredState;
    if (outbox) host.core.outgoing.window.keepAtMost(outbox);
    const begin = (): void => {
      const opened = outbox?.isDurable ? this.#contents : undefined;
      this.#state = this.#contents = undefined;
      this.writes.core.onRestored = then;
      host.answer((core) => core.restore({ key: hello.pid, record, cursor: row?.cursor, outbox: opened }));
    };
    if (this.#contents) begin();
    else this.open(host.wait, begin, (error) => this.writes.fail(error, host));
  }
  close(): void {
    const outbox = this.#outbox;
    if (!outbox) return;
    callSafely(
      () => outbox.close(),
      (cause) => reportUncaught(new CallbackError('outbox', cause)),
    );
  }
}
