import type { Observer } from 'rxjs';
import { ConnectionLostError, PeerGoneError } from '../errors.js';
import { createCoalescedTimer, type CoalescedTimer } from '../internal/coalescedTimer.js';
import { CloseCode } from '../link/closeCode.js';
import type { Frame } from '../link/link.js';
import type { Report } from '../session/events.js';
import { isTemporary } from '../session/reconnecting.js';
import type { Attachment } from './attachment.js';
import { createIdleFrames, LOOK, type IdleFramesOptions, type Moved } from './idleFrames.js';
import type { Moored, Mooring } from './mooring.js';

export interface BerthOptions extends IdleFramesOptions {
  readonly detachedTimeout: number;
  readonly mooring: Mooring;
}

/** Who is in a berth: gets what comes, and is told when it is over for good. */
export interface Occupant extends Observer<Frame> {
  /** There is another connection: what is sent goes over that. Before anything comes over it. */
  connected(): void;
  /** It is over. */
  disconnected(): void;
  moved(): Moved;
  readonly report: Report;
}

/**
 * The place of one client on the server; its connections come and go. It outlives them: it waits for the client to come back, and changes over to each newer
 * one. When it is left before its client has said goodbye, it closes the connection.
 */
// eslint-disable-next-line no-restricted-syntax -- a server has one for each of its clients, and closures would take a kilobyte more
export class Berth implements Moored, Observer<Frame> {
  /** The latest connection, also when the wire has ended. */
  latest: Attachment;
  /** Whether the client can say that it has come back. Who cannot is a new client each time. */
  readonly returns: boolean;
  readonly owner: string | undefined;
  readonly #options: BerthOptions;
  #occupant: Occupant | undefined;
  #connected: Attachment | undefined;
  /** Set while its client is away. */
  #gone: CoalescedTimer | undefined;
  /** Frames of this connection, since it was looked what has become of them. */
  #frames = 0;
  /** Made at the first look. */
  #isTooIdle: (() => boolean) | undefined;
  #isStopping = false;

  constructor(latest: Attachment, returns: boolean, options: BerthOptions) {
    this.latest = latest;
    this.returns = returns;
    this.owner = latest.principal?.id;
    this.#options = options;
  }

  occupy(occupant: Occupant): void {
    this.#occupant = occupant;
    this.#attach();
  }

  /** Its occupant has ended. */
  leave(): void {
    this.#occupant = undefined;
    this.#detach();
    this.#isHere();
    if (this.#isStopping) this.latest.close(CloseCode.GOING_AWAY, 'the server stops');
    else this.latest.close(CloseCode.ABANDONED, '');
  }

  /** Lets a newer connection take the place of the one before. */
  takeOver(newer: Attachment): void {
    const older = this.latest;
    this.latest = newer;
    this.#detach();
    if (this.#occupant) this.#attach();
    // Only now that nobody listens to it: to the wire this is no loss.
    older.close(CloseCode.SUPERSEDED, 'another connection took over');
  }

  /** Ends the wire: with an error, or as the server stops. */
  vacate(error?: unknown): void {
    this.#isStopping = error === undefined;
    if (this.#isStopping) this.#occupant?.complete();
    else this.#occupant?.error(error);
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
    if (++this.#frames === LOOK && this.#isFlooded())
      this.fail(new ConnectionLostError(CloseCode.FLOOD, 'too many frames that bring nothing'));
    else this.#occupant?.next(frame);
  }

  /** The connection is lost. */
  error(error: unknown): void {
    this.#detach();
    if (!this.#occupant) return;
    if (!this.returns || !isTemporary(error)) {
      this.#occupant.error(error);
      return;
    }
    const { detachedTimeout, scheduler, mooring } = this.#options;
    this.#occupant.report({ kind: 'lost', error });
    // Who was told may have ended the wire.
    // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- which the compiler cannot know
    if (!this.#occupant) return;
    this.#gone = createCoalescedTimer(scheduler, () => this.#occupant?.error(new PeerGoneError(detachedTimeout)));
    if (detachedTimeout < Infinity) this.#gone.set(detachedTimeout);
    mooring.onDetached(this);
  }

  complete(): void {
    this.#detach();
    this.#occupant?.complete();
  }

  #attach(): void {
    this.#isHere();
    this.#frames = 0;
    this.#isTooIdle = undefined;
    const attachment = this.latest;
    this.#connected = attachment;
    this.#occupant?.connected();
    if (this.#connected === attachment) attachment.open(this);
  }

  #detach(): void {
    if (!this.#connected) return;
    this.#connected.leave();
    this.#connected = undefined;
    this.#occupant?.disconnected();
  }

  #isFlooded(): boolean {
    this.#frames = 0;
    if (this.#isTooIdle) return this.#isTooIdle();
    const { maxIdleFrames, pingInterval, scheduler } = this.#options;
    this.#isTooIdle = createIdleFrames({ maxIdleFrames, pingInterval, scheduler }, () => this.#occupant?.moved() ?? { steps: 0, open: 0 });
    return false;
  }

  #isHere(): void {
    this.#gone?.clear();
    this.#gone = undefined;
    this.#options.mooring.onAttached(this);
  }
}
