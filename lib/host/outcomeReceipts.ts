import type { Outgoing } from '../core/outgoing.js';
import type { SessionEvent } from '../core/sessionTypes.js';
import {
  DecodeError,
  InDoubtError,
  MessageDroppedError,
  MessageRefusedError,
  OverflowError,
  StoreError,
  type RxwireError,
} from '../errors.js';
import type { Receipt } from '../message/receipt.js';
import { encodeErrorOf } from './hostCodec.js';

export type OutcomeEvent = Extract<SessionEvent, { readonly kind: 'outcome' }>;

export interface OutcomeContext {
  /** The name of the codec. */
  readonly codec: string;
  readonly outgoing: Outgoing;
  readonly maxQueued: number;
}

/** Returns the last receipt of a message. It has an error if the message was given up. */
export function receiptOf(event: OutcomeEvent, { codec, outgoing, maxQueued }: OutcomeContext): Receipt & { readonly error?: RxwireError } {
  const { message, outcome, rejection, latency = 0 } = event;
  const { id } = message;
  const [, , code = '', reason = ''] = rejection ?? [];
  const dead = (error: RxwireError) => ({ id, status: 'dead' as const, error });
  switch (outcome) {
    case 'sent':
      return { id, status: 'sent' };
    case 'acked':
      return { id, status: 'acked', latency, ...(outgoing.reportsOutcomes && { outcome: 'processed' }) };
    case 'dead-lettered':
      return { id, status: 'acked', latency, outcome };
    case 'refused':
      return { id, status: 'refused', error: new MessageRefusedError(id, code, reason) };
    case 'expired':
      return { id, status: 'expired', error: new MessageDroppedError(id, 'expired') };
    case 'undecodable':
      return dead(new DecodeError(codec, `the receiver cannot decode the message: ${reason}`));
    case 'dropped':
      return dead(new MessageDroppedError(id, 'overflow'));
    case 'overflow':
      return dead(new OverflowError('the outbox', maxQueued));
    case 'in-doubt':
      return dead(new InDoubtError(id));
    case 'unsendable':
      // With a rejection, the other side has closed each connection because of the message.
      return dead(rejection ? new MessageRefusedError(id, code, reason) : encodeErrorOf(message, codec, outgoing));
    case 'quota':
      return dead(new StoreError('outbox', 'quota'));
    case 'closed':
      return dead(new MessageDroppedError(id, 'closed'));
  }
}
