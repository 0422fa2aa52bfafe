import type { Observer } from 'rxjs';
import { ConnectionLostError, PeerGoneError } from '../../errors.js';
import { createCoalescedTimer, type CoalescedTimer } from '../../internal/coalescedTimer.js';
import { CloseCode } from '../../link/closeCode.js';
import type { Frame } from '../../link/link.js';
import type { Report } from '../../session/sessionEvents.js';
import { isTemporary } from '../../session/reconnect.js';
import type { IncomingConnection } from '../accept/incomingConnection.js';
import { createFloodGuard, FRAMES_PER_CHECK, type FloodGuardOptions, type Progress } from '../limits/floodGuard.js';
import type { WiresOptions } from '../wiresOptions.js';
import type { Quota, QuotaUser } from './quota.js';

export interface TransportOptions extends FloodGuardOptions, Pick<WiresOptions, 'detachedTimeout'> {
  readonly quota: Quota;
}

/** The user of a transport: it takes the frames of a client, and is told when its connections are over for good. */
export interface TransportUser {
  /** There is another connection: what is sent goes over it. Called before any frame comes over it. */
  connected(): void;
  /** The connection is over. */
  disconnected(): void;
  /** Takes a frame of the client. */
  receive(frame: Frame): void;
  /** The client does not come back, for this reason. */
  failed(error: unknown): void;
  /** The client has said goodbye. */
  ended(): void;
  moved(): Progress;
  readonly report: Report;
}

/**
 * What the server sends to one client, and receives from it, over one connection after the other. It outlives them: it waits for the client to return, and changes
 * over to each newer connection. When its user leaves before the client has said goodbye, it closes the connection.
 */
export class SessionTransport implements QuotaUser, Observer<Frame> {
  /** The latest connection, also when the wire has ended. */
  latest: IncomingConnection;
  /** Whether the client can say that it has returned. One that cannot is a new client each time. */
  readonly returns: boolean;
  readonly owner: string | undefined;
  readonly #options: TransportOptions;
  #user: TransportUser | undefined;
  #connected: IncomingConnection | undefined;
  /** Set while its client is away. */
  #gone: CoalescedTimer | undefined;
  /** Frames of this connection, since it was looked what has become of them. */
  #frames = 0;
  /** Made at the first look. */
  #isFlooding: (() => boolean) | undefined;
  #isStopping = false;

  constructor(latest: IncomingConnection, returns: boolean, options: TransportOptions) {
    this.latest = latest;
    this.returns = returns;
    this.owner = latest.principal?.id;
    this.#options = options;
  }

  use(user: TransportUser): void {
    this.#user = user;
    this.#attach();
  }

  /** Its user has ended. */
  leave(): void {
    this.#user = undefined;
    this.#detach();
    this.#isHere();
    if (this.#isStopping) this.latest.close(CloseCode.GOING_AWAY, 'the server stops');
    else this.latest.close(CloseCode.ABANDONED, '');
  }

  /** Lets a newer connection take the place of the one before. */
  takeOver(newer: IncomingConnection): void {
    const older = this.latest;
    this.latest = newer;
    this.#detach();
    if (this.#user) this.#attach();
    // Only now that nobody listens to it: to the wire this is no loss.
    older.close(CloseCode.SUPERSEDED, 'another connection took over');
  }

  /** Ends the wire: with an error, or as the server stops. */
  vacate(error?: unknown): void {
    this.#isStopping = error === undefined;
    if (this.#isStopping) this.#user?.ended();
    else this.#user?.failed(error);
  }

  send(frame: Frame): void {
    this.#connected?.send(frame);
  }

  /** Says goodbye. */
  finish(): void {
    this.#connected?.finish();
  }

  /** Ends the connection there is, and tells the client why. */
  fail(error: unknown): void {
    const failed = this.#connected;
    if (!failed) return;
    // It would tell us as well.
    failed.leave();
    failed.fail(error);
    this.error(error);
  }

  next(frame: Frame): void {
    if (++this.#frames === FRAMES_PER_CHECK && this.#isFlooded())
      this.fail(new ConnectionLostError(CloseCode.FLOOD, 'too many frames that bring nothing'));
    else this.#user?.receive(frame);
  }

  /** The connection is lost. */
  error(error: unknown): void {
    this.#detach();
    if (!this.#user) return;
    if (!this.returns || !isTemporary(error)) {
      this.#user.failed(error);
      return;
    }
    const { detachedTimeout, scheduler, quota } = this.#options;
    this.#user.report({ kind: 'lost', error });
    // Who was told may have ended the wire.
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- which the compiler cannot know
    if (!this.#user) return;
    this.#gone = createCoalescedTimer(scheduler, () => this.#user?.failed(new PeerGoneError(detachedTimeout)));
    if (detachedTimeout < Infinity) this.#gone.set(detachedTimeout);
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
    const attachment = this.latest;
    this.#connected = attachment;
    this.#user?.connected();
    if (this.#connected === attachment) attachment.open(this);
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
    const { maxIdleFrames, pingInterval, scheduler } = this.#options;
    this.#isFlooding = createFloodGuard({ maxIdleFrames, pingInterval, scheduler }, () => this.#user?.moved() ?? { steps: 0, open: 0 });
    return false;
  }

  #isHere(): void {
    this.#gone?.clear();
    this.#gone = undefined;
    this.#options.quota.onAttached(this);
  }
}
