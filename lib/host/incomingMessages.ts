import type { Progress, ReceivedRejection } from '../core/progress.js';
import type { SessionCore } from '../core/sessionCore.js';
import type { SessionEvent } from '../core/sessionTypes.js';
import type { RxwireError } from '../errors.js';
import type { Message } from '../message/types.js';
import { DEFAULTS, type EndpointOptions } from '../session/endpointOptions.js';
import { HoldUntilSubscribed, rejectionIn, type DeliverySession, type Outcome } from '../session/receive/delivery.js';
import { rejectUndecodable } from '../session/receive/undecodable.js';
import type { Wait } from '../session/waitIn.js';
import type { SessionEvent as ReportedEvent } from '../session/sessionEvents.js';

type UndecodableEvent = Extract<SessionEvent, { readonly kind: 'undecodable' }>;

/** The host of a session that receives messages. */
export interface IncomingHost {
  readonly core: SessionCore;
  readonly codecName: string;
  readonly isOver: boolean;
  complain(error: RxwireError): void;
  report(event: ReportedEvent): void;
  /** A message is processed, or rejected; the inbox stores its outcomes first. */
  commit(number: number, progress: Progress, rejection: ReceivedRejection | undefined, outcomes: readonly Outcome[]): void;
  /** A message is processed, or rejected. */
  settled(number: number, progress: Progress, rejection: ReceivedRejection | undefined): void;
}

/** The messages of the other side, from their arrival until they are processed. */
export class IncomingMessages implements DeliverySession {
  /** Whether the session has an inbox, to write the effect of a message. */
  readonly canWrite: boolean;
  readonly keep: DeliverySession['keep'];
  /** The number of messages without a number that are not processed. */
  unnumbered = 0;
  readonly #host: IncomingHost;
  readonly #options: EndpointOptions;
  /** Holds messages until the application subscribes. */
  readonly #held: HoldUntilSubscribed;

  /** @param keep Stores a dead letter in the store of the wire. */
  constructor(host: IncomingHost, options: EndpointOptions, keep: DeliverySession['keep'], emit: (message: Message) => void) {
    const { inbox, deadLetters } = options;
    this.canWrite = inbox !== undefined;
    // An inbox may store dead letters together with its progress.
    this.keep = inbox && (!deadLetters || deadLetters === inbox.deadLetters) ? undefined : keep;
    this.#host = host;
    this.#options = options;
    this.#held = new HoldUntilSubscribed<Progress>(emit, this, options.window ?? DEFAULTS.window);
  }

  /** The application has subscribed. */
  open(): void {
    this.#held.open();
  }
  readonly isOver = (): boolean => this.#host.isOver;
  readonly complain = (error: RxwireError): void => this.#host.complain(error);

  /** Delivers a message that has arrived, or holds it. */
  deliver(message: Message, number: number, progress: Progress): void {
    if (this.#host.isOver) return;
    if (number > 0) this.#held.deliver(message, number, progress);
    else {
      this.unnumbered++;
      this.#held.deliverUnnumbered(message);
    }
  }
  /** Marks a message as processed, or rejected. */
  settle(number: number, outcomes: readonly Outcome[], progress: Progress | undefined): void {
    const host = this.#host;
    if (number === 0) this.unnumbered--;
    if (host.isOver) {
      for (const { onAbandoned } of outcomes) onAbandoned?.();
      return;
    }
    if (this.canWrite) {
      host.commit(number, progress ?? host.core.incoming.progress, rejectionIn(number, outcomes), outcomes);
      return;
    }
    if (number > 0 && progress) host.settled(number, progress, rejectionIn(number, outcomes));
    for (const { onDone } of outcomes) onDone?.();
  }
  /** Leaves a message unacked: the next session delivers it again. */
  abandon(number: number): void {
    if (number === 0) this.unnumbered--;
  }

  /** Rejects the messages of a batch that cannot be decoded, when a dead letter keeps its bytes. */
  reject(batch: UndecodableEvent, wait: Wait): void {
    const { codecName, core } = this.#host;
    rejectUndecodable(batch, batch.error, batch.numbers, batch.progress, {
      session: this,
      wait,
      codec: codecName,
      source: core.peer,
      attempts: batch.attempts,
      scheduler: this.#options.scheduler ?? DEFAULTS.scheduler,
      report: (error) => this.#host.report({ kind: 'error', error }),
    });
  }
}
