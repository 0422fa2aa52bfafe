import type { Observer } from 'rxjs';
import { CallbackError, ConnectionLostError, PeerGoneError, RxwireError, StoreError, UnauthorizedError } from '../../message/errors.js';
import { callSafely } from '../../message/errors/callSafely.js';
import { createCoalescedTimer, type CoalescedTimer } from '../../operators/timing/coalescedTimer.js';
import { CloseCode } from '../../message/closeCode.js';
import type { Frame } from '../../io/link.js';
import type { HostConnection } from '../../wire/session/hostTypes.js';
import type { Report } from '../../wire/session/sessionEvents.js';
import { isFenced } from '../../stores/storeErrors.js';
import type { OutboxStore } from '../../stores/outboxStore.js';
import type { IncomingConnection } from '../accept/incomingConnection.js';
import { createFloodGuard, FRAMES_PER_CHECK, type ConnectionProgress } from '../limits/floodGuard.js';
import { reportUncaught } from '../../message/errors/reportUncaught.js';
import type { WiresOptions } from '../serverOptions.js';
import { groupOf, type QuotaUser } from './quota.js';

/**
 * The user of a client connection, which passes it the frames of a client, and reports the end of
 * each connection.
 */
export interface ClientConnectionUser {
  /**
   * Called when there is another connection, before the first frame: from now on, frames are sent
   * over this one.
   */
  connected(): void;
  /** Called when the connection has ended. */
  disconnected(): void;
  receive(frame: Frame): void;
  /** Called when the client does not return, with the reason. */
  failed(error: unknown): void;
  ended(): void;
  moved(): ConnectionProgress;
  readonly report: Report;
  /** Whether the session closes the connection itself, when its stores have answered. */
  readonly isEnding?: boolean;
}

/**
 * Sends frames to one client, and receives its frames, over one connection after the other. It
 * outlives its connections: it waits for the client to return, and switches to each newer
 * connection. When its user leaves before the client, it closes the connection.
 */
export class ClientConnection implements QuotaUser, HostConnection, Observer<Frame> {
  /** The latest connection, also when the wire has ended. */
  latest: IncomingConnection;
  /**
   * Whether a client can resume its wire with this protocol. Otherwise each connection is a new
   * client.
   */
  readonly returns: boolean;
  readonly owner: string | undefined;
  readonly #options: WiresOptions;
  #user: ClientConnectionUser | undefined;
  #connected: IncomingConnection | undefined;
  goneAt = 0;
  /** Set while the client is not connected. */
  #gone: CoalescedTimer | undefined;
  /** The frames of this connection since the last check of the flood guard. */
  #frames = 0;
  /** Created at the first check. */
  #isFlooding: (() => boolean) | undefined;
  /** The error with which the wire has ended. */
  failure: unknown;
  /** The close code and reason for the client when its wire ends. */
  #goodbye: Goodbye = NO_GOODBYE;

  constructor(latest: IncomingConnection, returns: boolean, options: WiresOptions) {
    this.latest = latest;
    this.returns = returns;
    this.owner = latest.principal?.id;
    this.#options = options;
  }

  get group(): string {
    return groupOf(this.owner, this.latest.address);
  }

  use(user: ClientConnectionUser): void {
    this.#user = user;
    this.#attach();
  }

  /** Closes the connection, when its user has ended. */
  leave(): void {
    this.#user = undefined;
    this.#detach();
    this.#isHere();
    this.latest.close(...this.#goodbye);
  }

  takeOver(newer: IncomingConnection): void {
    const older = this.latest;
    this.latest = newer;
    this.#detach();
    if (this.#user) this.#attach();
    // The older connection has no user any more, so the wire does not report a loss.
    older.close(CloseCode.SUPERSEDED, TAKEN_OVER);
  }

  /** Ends the wire: with an error, or, without one, because the server stops. */
  terminate(error?: unknown): void {
    if (error !== undefined) {
      this.endWith(error);
      this.#user?.failed(error);
      return;
    }
    this.#goodbye = [CloseCode.GOING_AWAY, STOPS];
    this.#user?.report({ kind: 'closed', closeCode: CloseCode.GOING_AWAY, reason: STOPS });
    this.#user?.ended();
  }

  /**
   * Sets the close code for the end of the wire with an error, and returns it with the reason.
   *
   * @param isWelcome Whether the handshake of the current connection is complete.
   */
  endWith(error: unknown, isWelcome = true): Goodbye {
    this.failure = error;
    return (this.#goodbye = closeOf(error, isWelcome));
  }

  send(frame: Frame): void {
    this.#connected?.send(frame);
  }

  finish(): void {
    this.#connected?.finish();
  }

  close(code?: number, reason = ''): void {
    if (this.#user?.isEnding) return;
    if (code === undefined) this.finish();
    else this.fail(new ConnectionLostError(code, reason));
  }

  fail(error: unknown): void {
    const failed = this.#connected;
    if (!failed) return;
    // The connection would report the error to this observer as well.
    failed.leave();
    failed.fail(error);
    this.#lost(error, isRejection(error));
  }

  next(frame: Frame): void {
    if (++this.#frames === FRAMES_PER_CHECK && this.#isFlooded())
      this.fail(new ConnectionLostError(CloseCode.FLOOD, 'the client sent too many frames without effect'));
    else this.#user?.receive(frame);
  }

  error(error: unknown): void {
    this.#lost(error, false);
  }

  /** @param isRejected Whether the server has closed the connection of a rejected client. */
  #lost(error: unknown, isRejected: boolean): void {
    this.#detach();
    if (!this.#user) return;
    if (!this.returns || isRejected || isFinal(error)) {
      const { closeCode = CloseCode.ABNORMAL, reason = '' } = Object(error) as Partial<ConnectionLostError>;
      this.#user.report({ kind: 'closed', closeCode, reason });
      this.#user.failed(error);
      return;
    }
    const { detachedTimeout, scheduler, quota } = this.#options;
    this.#user.report({ kind: 'lost', error });
    // A subscriber of the report may have ended the wire.
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- which the compiler cannot know
    if (!this.#user) return;
    this.#gone = createCoalescedTimer(scheduler, () => this.#user?.failed(new PeerGoneError(detachedTimeout)));
    if (detachedTimeout < Infinity) this.#gone.set(detachedTimeout);
    this.goneAt = scheduler.now();
    quota.onDetached(this);
  }

  complete(): void {
    this.#detach();
    this.#user?.ended();
  }

  #attach(): void {
    this.#isHere();
    this.#frames = 0;
    this.#isFlooding = undefined;
    const attached = this.latest;
    this.#connected = attached;
    this.#user?.connected();
    if (this.#connected === attached) attached.open(this);
  }

  #detach(): void {
    if (!this.#connected) return;
    this.#connected.leave();
    this.#connected = undefined;
    this.#user?.disconnected();
  }

  #isFlooded(): boolean {
    this.#frames = 0;
    if (this.#isFlooding) return this.#isFlooding();
    this.#isFlooding = createFloodGuard(this.#options, () => this.#user?.moved() ?? { steps: 0, open: 0 });
    return false;
  }

  #isHere(): void {
    if (!this.#gone) return;
    this.#gone.clear();
    this.#gone = undefined;
    this.#options.quota.onAttached(this);
  }
}

/**
 * Returns whether a session is over after an error of its connection, whichever side has closed it:
 * after a violation of the protocol. A WebSocket library closes with other codes by itself, for a
 * frame that the network has damaged, or that it does not read.
 */
function isFinal(error: unknown): boolean {
  if (error instanceof ConnectionLostError) return error.closeCode === CloseCode.BAD_FRAMES;
  return error instanceof RxwireError;
}

/** Returns whether the server closes a connection whose credentials are not valid any more. */
function isRejection(error: unknown): boolean {
  return error instanceof ConnectionLostError && REJECTIONS.includes(error.closeCode);
}

const REJECTIONS: readonly number[] = [CloseCode.UNAUTHORIZED, CloseCode.FORBIDDEN];

type Goodbye = readonly [code: CloseCode, reason: string];
const NO_GOODBYE: Goodbye = [CloseCode.ABANDONED, ''];

export const STOPS = 'the server stops';
export const TAKEN_OVER = 'another connection took over';
export const KICKED = 'the server has ended the session';

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

export function closeStore(store: Pick<OutboxStore, 'close'>): void {
  callSafely(
    () => store.close(),
    (cause) => reportUncaught(new CallbackError('outbox', cause)),
  );
}
