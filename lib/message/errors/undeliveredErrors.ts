import { RxwireError } from './rxwireError.js';
import type { ErrorCode } from './errorCode.js';

/** The messages that a wire did not deliver. */
export interface UndeliveredMessages {
  readonly count: number;
  /** The ids of the first of these messages, 100 at most. */
  readonly ids: readonly string[];
  /** How many of these a durable outbox keeps: the next wire with that outbox sends them. */
  readonly kept: number;
}

/** The maximum number of ids in an error. */
export const MAX_IDS = 100;

/**
 * The wire has ended, and some of its messages were not delivered: its queue had no room for them,
 * or the other side ended the session first.
 */
export class UndeliveredError extends RxwireError implements UndeliveredMessages {
  declare readonly count: number;
  declare readonly ids: readonly string[];
  declare readonly kept: number;
  /** Set if the wire was open when it reported the loss: it continues. */
  declare readonly isOpen?: boolean;

  constructor(
    { count, ids, kept }: UndeliveredMessages,
    code: ErrorCode = 'ERR_UNDELIVERED',
    details: { readonly timeout?: number; readonly isOpen?: boolean } = {},
  ) {
    super(code, { count, ids: ids.slice(0, MAX_IDS), kept, ...details });
  }
}

/** The wire was completed, and some of its messages were not acked within `drainTimeout`. */
export class DrainTimeoutError extends UndeliveredError {
  declare readonly timeout: number;

  /** @param timeout The time that the wire has waited, in ms. */
  constructor(undelivered: UndeliveredMessages, timeout: number) {
    super(undelivered, 'ERR_DRAIN_TIMEOUT', { timeout });
  }
}
