import type { CoreEvent } from '../../core/coreTypes.js';
import type { Outgoing } from '../../core/outgoing.js';
import {
  DecodeError,
  InDoubtError,
  MessageDroppedError,
  MessageRefusedError,
  OverflowError,
  StoreError,
  type RxwireError,
} from '../../message/errors.js';
import { encodeErrorOf } from './hostCodec.js';

/** Returns why a message was given up. @param codec Its name. */
export function outcomeError(
  { message, outcome, rejection }: Extract<CoreEvent, { readonly kind: 'outcome' }>,
  codec: string,
  outgoing: Outgoing,
  maxQueued: number,
): RxwireError {
  const { id } = message;
  const { code = '', reason = '' } = rejection ?? {};
  switch (outcome) {
    case 'expired':
    case 'closed':
      return new MessageDroppedError(id, outcome);
    case 'dropped':
      return new MessageDroppedError(id, 'overflow');
    case 'undecodable':
      return new DecodeError(codec, `the receiver cannot decode the message: ${reason}`);
    case 'overflow':
      return new OverflowError('the outbox', maxQueued);
    case 'in-doubt':
      return new InDoubtError(id);
    case 'quota':
      return new StoreError('outbox', 'quota');
    default:
      // Unsendable with a rejection: the other side has closed each connection because of it.
      return outcome === 'refused' || rejection ? new MessageRefusedError(id, code, reason) : encodeErrorOf(message, codec, outgoing);
  }
}
