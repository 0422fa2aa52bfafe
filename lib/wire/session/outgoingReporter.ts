import { noop } from 'rxjs';
import type { Outgoing } from '../../core/outgoing.js';
import { lastOf, type OutgoingBatch } from '../../core/outgoingBatch.js';
import type { CoreEvent } from '../../core/coreTypes.js';
import {
  DecodeError,
  HandlerError,
  InDoubtError,
  MessageDroppedError,
  MessageRefusedError,
  OverflowError,
  StoreError,
  type RxwireError,
} from '../../message/errors.js';
import { callSafely } from '../../message/errors/callSafely.js';
import type { PendingStatus, Receipt, ReceiptStatus } from '../../message/receipt.js';
import type { Message } from '../../message/types.js';
import type { FullEndpointOptions } from './sessionOptions.js';
import type { MessageStep, OutgoingMessages, SessionEvent as ReportedEvent } from './sessionEvents.js';
import { encodeErrorOf } from './hostCodec.js';

type OutcomeEvent = Extract<CoreEvent, { readonly kind: 'outcome' }>;

interface Reporting {
  report(event: ReportedEvent): void;
  answer(change: () => void): void;
}

/** Reports the steps of the messages that a session sends. It is its `started` event. */
export class OutgoingReporter implements OutgoingMessages {
  readonly kind = 'started';
  readonly #outgoing: Outgoing;
  readonly #options: FullEndpointOptions;
  readonly #host: Reporting;

  constructor(outgoing: Outgoing, options: FullEndpointOptions, host: Reporting) {
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
    const { queued, last, tail } = this.#outgoing;
    return queued + last - tail;
  }
  room(): number {
    return this.#options.maxQueued - this.#outgoing.queued;
  }
  awaitAnswer(change: 1 | -1): void {
    this.#host.answer(() => (this.#outgoing.unanswered += change));
  }

  /** Reports a step of messages. One without room in the queue has its outcome already. */
  reportStep(messages: readonly Message[], status: PendingStatus): void {
    for (const { id } of messages) if (status !== 'queued' || this.#outgoing.pending.has(id)) this.#report({ id, status });
  }
  /** Reports a failure always, another outcome if the application waits. @param codec Its name. */
  reportOutcome(event: OutcomeEvent, codec: string): void {
    const { message, outcome, latency = 0 } = event;
    const { id } = message;
    const outgoing = this.#outgoing;
    const error = this.#errorOf(event, codec);
    if (error) this.#giveUp(message, error, outcome === 'refused' || outcome === 'expired' ? outcome : 'dead');
    else if (!outgoing.interest?.awaitsAcks()) return;
    else if (outcome === 'sent') this.#report({ id, status: outcome });
    else if (outcome === 'dead-lettered') this.#report({ id, status: 'acked', latency, outcome });
    else this.#report({ id, status: 'acked', latency, ...(outgoing.reportsOutcomes && { outcome: 'processed' }) });
  }
  /** Gives up a message that must not be sent. */
  refuse(message: Message, error: RxwireError): void {
    if (!this.pending.has(message.id)) this.#giveUp(message, error, 'dead');
  }

  /** Returns why a message was given up; undefined if it was sent. */
  #errorOf({ message, outcome, rejection }: OutcomeEvent, codec: string): RxwireError | undefined {
    const { id } = message;
    const [, , code = '', reason = ''] = rejection ?? [];
    switch (outcome) {
      case 'expired':
      case 'closed':
        return new MessageDroppedError(id, outcome);
      case 'dropped':
        return new MessageDroppedError(id, 'overflow');
      case 'undecodable':
        return new DecodeError(codec, `the receiver cannot decode the message: ${reason}`);
      case 'overflow':
        return new OverflowError('the outbox', this.#options.maxQueued);
      case 'in-doubt':
        return new InDoubtError(id);
      case 'quota':
        return new StoreError('outbox', 'quota');
      case 'refused':
      case 'unsendable':
        // Unsendable with a rejection: the other side has closed each connection because of it.
        return outcome === 'refused' || rejection
          ? new MessageRefusedError(id, code, reason)
          : encodeErrorOf(message, codec, this.#outgoing);
      default:
        return undefined;
    }
  }
  #giveUp(message: Message, error: RxwireError, status: ReceiptStatus): void {
    const { onDead = noop } = this.#options;
    const host = this.#host;
    this.#report({ id: message.id, status, error });
    host.report({ kind: 'error', error });
    callSafely(
      () => onDead(message, error),
      (cause) => host.report({ kind: 'error', error: new HandlerError(message, 1, cause) }),
    );
  }
  #report(receipt: Receipt): void {
    this.#host.report({ kind: 'receipt', receipt });
  }
}
