import { CallbackError, ConnectionLostError, PeerGoneError, RxwireError, StoreError, UnauthorizedError } from '../../message/errors.js';
import { createCoalescedTimer, type CoalescedTimer } from '../../operators/timing/coalescedTimer.js';
import { CloseCode } from '../../message/closeCode.js';
import type { Frame } from '../../io/link.js';
import type { SessionEvent } from '../../wire/session/sessionEvents.js';
import { isFenced } from '../../stores/storeErrors.js';
import type { Goodbye } from '../accept/authentication.js';
import type { ConnectionEnd, ConnectionUser, IncomingConnection } from '../accept/incomingConnection.js';
import { STOPS } from '../accept/incomingConnections.js';
import { createFloodGuard, FRAMES_PER_CHECK, type ConnectionProgress } from '../limits/floodGuard.js';
import type { WireClient } from '../principal.js';
import type { WiresOptions } from '../serverOptions.js';
import { groupOf, type QuotaUser } from './quota.js';

/** Why a client ends: with an error, because it has left, or because the server stops. */
export type EndReason = { readonly error: unknown } | 'left' | 'stopped';

/**
 * One client, over one connection after the other. It outlives its connections: it waits for the
 * client to return, and switches to each newer connection. When the server ends it before the
 * client does, it closes the connection.
 *
 * It is `connected` to its latest connection; `gone` while it waits for the next one; or `over`.
 */
export abstract class ServedClient implements QuotaUser, ConnectionUser, WireClient {
  /** The latest connection, also when the client is gone. */
  latest: IncomingConnection;
  readonly owner: string | undefined;
  goneAt = 0;
  /** The error with which the client has ended. */
  failure: unknown;
  protected readonly options: WiresOptions;
  /** Receives the frames of all connections, except their first ones. */
  protected abstract readonly host: { receive(frame: Frame): void };
  #phase: 'gone' | 'connected' | 'over' = 'gone';
  /** Set while the client is gone, after its first connection. */
  #gone: CoalescedTimer | undefined;
  /** The frames of this connection since the last check of the flood guard. */
  #frames = 0;
  /** Created at the first check. */
  #isFlooding: (() => boolean) | undefined;
  /** The close code and reason for the client at the end. */
  #goodbye: Goodbye = NO_GOODBYE;

  constructor(latest: IncomingConnection, options: WiresOptions) {
    this.latest = latest;
    this.owner = latest.principal?.id;
    this.options = options;
  }

  /** Whether the client can return over another connection. Otherwise, that is a new client. */
  protected abstract readonly returns: boolean;
  /** Called when there is another connection, before its frames: frames are sent over it. */
  protected abstract attached(connection: IncomingConnection): void;
  /** Called when a connection is not used any more. */
  protected abstract detached(connection: IncomingConnection): void;
  /** Ends the wire of the client. Then {@link leave} is to be called. */
  protected abstract ended(reason: EndReason): void;
  protected abstract moved(): ConnectionProgress;
  abstract report(event: SessionEvent): void;

  get group(): string {
    return groupOf(this.owner, this.latest.address);
  }
  get isOver(): boolean {
    return this.#phase === 'over';
  }

  /** Uses the latest connection. */
  protected attach(): void {
    const { latest } = this;
    this.#isHere();
    this.#phase = 'connected';
    this.#frames = 0;
    this.#isFlooding = undefined;
    this.attached(latest);
    if (this.#uses(latest)) latest.open(this);
  }
  #detach(connection: IncomingConnection): void {
    if (this.#phase !== 'connected') return;
    this.#phase = 'gone';
    this.detached(connection);
  }
  #uses(connection: IncomingConnection): boolean {
    return connection === this.latest && this.#phase === 'connected';
  }

  takeOver(newer: IncomingConnection): void {
    const older = this.latest;
    this.latest = newer;
    this.#detach(older);
    if (!this.isOver) this.attach();
    // The client does not use the older connection any more, so it reports no loss.
    older.close(CloseCode.SUPERSEDED, TAKEN_OVER);
  }

  receive(frame: Frame): void {
    if (++this.#frames === FRAMES_PER_CHECK && this.#isFlooded())
      this.latest.close(CloseCode.FLOOD, 'the client sent too many frames without effect');
    else this.host.receive(frame);
  }

  disconnected(connection: IncomingConnection, end: ConnectionEnd): void {
    if (!this.#uses(connection)) return;
    this.#detach(connection);
    if (this.isOver) return;
    if (!('error' in end)) {
      this.end('left');
      return;
    }
    const { error } = end;
    if (!this.returns || isFinal(end)) {
      const { closeCode = CloseCode.ABNORMAL, reason = '' } = Object(error) as Partial<ConnectionLostError>;
      this.report({ kind: 'closed', closeCode, reason });
      this.end({ error });
      return;
    }
    this.report({ kind: 'lost', error });
    this.#waitForReturn();
  }
  #waitForReturn(): void {
    // A subscriber of the report may have ended the wire.
    if (this.isOver) return;
    const { detachedTimeout, scheduler, quota } = this.options;
    this.#gone = createCoalescedTimer(scheduler, () => this.end({ error: new PeerGoneError(detachedTimeout) }));
    if (detachedTimeout < Infinity) this.#gone.set(detachedTimeout);
    this.goneAt = scheduler.now();
    quota.onDetached(this);
  }

  /** Ends the client, once: its wire, and then its connection. */
  end(reason: EndReason): void {
    if (this.isOver) return;
    if (reason === 'stopped') {
      this.#goodbye = [CloseCode.GOING_AWAY, STOPS];
      this.report({ kind: 'closed', closeCode: CloseCode.GOING_AWAY, reason: STOPS });
    }
    this.ended(reason);
  }

  /**
   * Sets the error with which the client ends. Returns the close code and reason for the client.
   *
   * @param isWelcome Whether the handshake of the current connection is complete.
   */
  protected failWith(error: unknown, isWelcome = true): Goodbye {
    this.failure = error;
    return (this.#goodbye = closeOf(error, isWelcome));
  }

  /** The wire has ended: ends what belongs to it, and closes the connection. */
  protected leave(end: () => void): void {
    if (this.isOver) return;
    this.#phase = 'over';
    this.#isHere();
    end();
    this.latest.close(...this.#goodbye);
  }

  #isFlooded(): boolean {
    this.#frames = 0;
    if (this.#isFlooding) return this.#isFlooding();
    this.#isFlooding = createFloodGuard(this.options, () => this.moved());
    return false;
  }

  #isHere(): void {
    if (!this.#gone) return;
    this.#gone.clear();
    this.#gone = undefined;
    this.options.quota.onAttached(this);
  }
}

/**
 * Returns whether a client does not return after the end of its connection: its credentials are not
 * valid any more, or either side has closed the connection after a violation of the protocol. A
 * WebSocket library closes with other codes by itself, for a frame that the network has damaged, or
 * that it does not read.
 */
function isFinal({ error, isOurs }: ConnectionEnd): boolean {
  if (!(error instanceof ConnectionLostError)) return error instanceof RxwireError;
  return error.closeCode === CloseCode.BAD_FRAMES || (isOurs === true && REJECTIONS.includes(error.closeCode));
}

const REJECTIONS: readonly number[] = [CloseCode.UNAUTHORIZED, CloseCode.FORBIDDEN];

const NO_GOODBYE: Goodbye = [CloseCode.ABANDONED, ''];

export const TAKEN_OVER = 'another connection took over';

/**
 * Returns the close code and reason for a client whose session ends with an error. They do not
 * reveal the cause.
 */
export function closeOf(error: unknown, isWelcome = true): Goodbye {
  if (isFenced(error)) {
    // During the handshake, the client is here: its next hello finds the state that the other
    // server has stored.
    return isWelcome ? [CloseCode.SUPERSEDED, 'another server took over'] : [CloseCode.TRY_AGAIN_LATER, 'another server had the session'];
  }
  if (error instanceof UnauthorizedError) return [error.closeCode as CloseCode, error.reason];
  if (error instanceof StoreError) return [CloseCode.INTERNAL_ERROR, 'the store of the server has failed'];
  const isKnown = error instanceof RxwireError && !(error instanceof CallbackError);
  return isKnown ? [CloseCode.ABANDONED, ''] : [CloseCode.INTERNAL_ERROR, 'the server has failed'];
}
