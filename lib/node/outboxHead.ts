import { isOutboxState, type OutboxState } from '../session/store/outboxState.js';

/** The state of an outbox. */
export interface OutboxHead extends OutboxState {
  /** The time of last use. */
  readonly at: number;
}

/** Returns whether a stored value is the head of an outbox. */
export function isOutboxHead(value: unknown): value is OutboxHead {
  return isOutboxState(value) && typeof (value as Partial<OutboxHead>).at === 'number';
}
