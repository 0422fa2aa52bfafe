import type { ReceiveProgress } from '../../core/receiveProgress.js';
import type { Rejection } from '../../core/rejection.js';
import type { ServerCore } from '../../core/serverCore.js';
import type { Message } from '../../message/types.js';
import type { ConnectionEvent } from '../../wire/session/hostTypes.js';
import { SessionHost } from '../../wire/session/sessionHost.js';

/** The session of a client, for its host. */
export interface HostOwner {
  emit(message: Message): void;
  onConnectionEvent(event: ConnectionEvent): void;
  onPing(message: Message, isNumbered: boolean): void;
  onStoreFailing(error: unknown): void;
  onStoreFailed(): void;
  allows(): boolean;
  /** Returns whether the ack of a processed message waits: {@link ServedHost.release} follows. */
  delaysAck(number: number, progress: ReceiveProgress, rejection: Rejection | undefined): boolean;
}

/** Runs the session of a `ServedSession`. */
export class ServedHost extends SessionHost<ServerCore> {
  readonly #session: HostOwner;

  constructor(session: HostOwner, ...args: ConstructorParameters<typeof SessionHost<ServerCore>>) {
    super(...args);
    this.#session = session;
  }
  protected override emit(message: Message): void {
    this.#session.emit(message);
  }
  protected override onConnectionEvent(event: ConnectionEvent): void {
    this.#session.onConnectionEvent(event);
  }
  protected override onPing(message: Message, isNumbered: boolean): void {
    this.#session.onPing(message, isNumbered);
  }
  override onStoreFailing(error: unknown): void {
    this.#session.onStoreFailing(error);
  }
  override onStoreFailed(): void {
    this.#session.onStoreFailed();
  }
  protected override allows(): boolean {
    return this.#session.allows();
  }
  override settled(number: number, progress: ReceiveProgress, rejection: Rejection | undefined): void {
    if (!this.#session.delaysAck(number, progress, rejection)) super.settled(number, progress, rejection);
  }
  release(number: number, progress: ReceiveProgress, rejection: Rejection | undefined): void {
    super.settled(number, progress, rejection);
  }
}
