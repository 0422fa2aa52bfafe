import { RxwireError, type ErrorCode } from './rxwireError.js';

/** The messages that a wire did not deliver. */
export interface UndeliveredMessages {
  readonly count: number;
  /** The ids of the first of these messages, 100 at most. */
  readonly ids: readonly string[];
  /**
   * How many of these messages a durable outbox keeps: the next wire with that outbox sends them.
   */
  readonly kept: number;
}

/** The maximum number of ids in an error. */
export const MAX_IDS = 100;

/** The maximum number of ids in the text of an error. */
const MAX_IDS_IN_TEXT = 3;

/**
 * The wire has ended, and some of its messages were not delivered: its queue had no room for them,
 * or the other side ended the session first.
 */
export class UndeliveredError extends RxwireError implements UndeliveredMessages {
  declare readonly count: number;
  declare readonly ids: readonly string[];
  declare readonly kept: number;

  constructor(
    { count, ids, kept }: UndeliveredMessages,
    code: ErrorCode = 'ERR_UNDELIVERED',
    details: { readonly timeout?: number } = {},
    end = 'before the wire ended',
  ) {
    const shown = ids.slice(0, MAX_IDS_IN_TEXT);
    const names = `${shown.join(', ')}${count > shown.length ? ', …' : ''}`;
    const rest = kept > 0 ? `. The outbox keeps ${kept} of them for the next wire` : '';
    const what = count === 1 ? '1 message was' : `${count} messages were`;
    super(code, `${what} not delivered ${end} (${names})${rest}`, { count, ids: ids.slice(0, MAX_IDS), kept, ...details });
  }
}

/** The wire was completed, and some of its messages were not acked within `drainTimeout`. */
export class DrainTimeoutError extends UndeliveredError {
  declare readonly timeout: number;

  /** @param timeout The time that the wire has waited, in ms. */
  constructor(undelivered: UndeliveredMessages, timeout: number) {
    super(undelivered, 'ERR_DRAIN_TIMEOUT', { timeout }, `within ${timeout} ms after the wire was completed`);
  }
}
