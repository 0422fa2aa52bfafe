import { noop } from 'rxjs';
import type { Outgoing } from '../core/outgoing.js';
import { lastOf, type OutgoingBatch } from '../core/outgoingBatch.js';
import { HandlerError, type RxwireError } from '../errors.js';
import { guard } from '../internal/guard.js';
import type { Receipt } from '../message/receipt.js';
import type { Message } from '../message/types.js';
import { DEFAULTS, type EndpointOptions } from '../session/endpointOptions.js';
import type { MessageStep, OutgoingMessages, SessionEvent } from '../session/sessionEvents.js';
import { receiptOf, type OutcomeEvent } from './outcomeReceipts.js';

/** The host that takes the events. */
interface Reporting {
  report(event: SessionEvent): void;
}

/**
 * Reports the steps of the messages that a session sends. It is the `begun` event of the session.
 */
export class OutgoingReporter implements OutgoingMessages {
  readonly kind = 'begun';
  readonly #outgoing: Outgoing;
  readonly #options: EndpointOptions;
  readonly #host: Reporting;

  constructor(outgoing: Outgoing, options: EndpointOptions, host: Reporting) {
    this.#outgoing = outgoing;
    this.#options = options;
    this.#host = host;
  }

  get pending(): ReadonlyMap<string, Message> {
    return this.#outgoing.pending;
  }
  get inFlight(): this {
    return this;
  }
  steps(): readonly MessageStep[] {
    const { batches, sent, outbox } = this.#outgoing;
    const stepOf = (batch: OutgoingBatch): MessageStep[0] => {
      if (lastOf(batch) <= sent) return 'sent';
      return outbox?.mayKeep(batch.messages) ? 'stored' : 'queued';
    };
    return batches.map((batch) => [stepOf(batch), batch.messages]);
  }
  queued(): number {
    return this.#outgoing.unsent;
  }
  room(): number {
    return (this.#options.maxQueued ?? DEFAULTS.maxQueued) - this.#outgoing.queued;
  }

  /** Reports a message that waits now. One for which there was no room has its outcome already. */
  reportQueued({ id }: Message): void {
    if (this.#outgoing.isPending(id)) this.#host.report({ kind: 'receipt', receipt: { id, status: 'queued' } });
  }
  reportStored(messages: readonly Message[]): void {
    for (const { id } of messages) this.#host.report({ kind: 'receipt', receipt: { id, status: 'stored' } });
  }
  reportSent(messages: readonly Message[]): void {
    for (const { id } of messages) this.#host.report({ kind: 'receipt', receipt: { id, status: 'sent' } });
  }
  /** Reports the outcome of a message. @param codec The name of the codec. */
  reportOutcome(event: OutcomeEvent, codec: string): void {
    const { maxQueued = DEFAULTS.maxQueued } = this.#options;
    this.#reportLast(event.message, receiptOf(event, { codec, outgoing: this.#outgoing, maxQueued }));
  }
  /** Gives up a message that must not be sent. */
  refuse(message: Message, error: RxwireError): void {
    const { id } = message;
    if (this.pending.has(id)) return;
    this.#reportLast(message, { id, status: 'dead', error });
  }

  /** A failure is reported in any case, another outcome to an application that waits for it. */
  #reportLast(message: Message, receipt: Receipt & { readonly error?: RxwireError }): void {
    const { error } = receipt;
    if (error || this.#outgoing.isWatched()) this.#host.report({ kind: 'receipt', receipt });
    if (!error) return;
    this.#host.report({ kind: 'error', error });
    const { onDead = noop } = this.#options;
    guard(
      () => onDead(message, error),
      (cause) => this.#host.report({ kind: 'error', error: new HandlerError(message, 1, cause) }),
    );
  }
}
