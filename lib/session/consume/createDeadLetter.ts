import { asyncScheduler, type SchedulerLike } from 'rxjs';
import type { Message } from '../../message/types.js';
import type { DeadLetter, FailedAttempt } from '../store/inbox.js';

export interface DeadLetterOptions {
  /** How often the message was tried. @default 1 */
  readonly attempts?: number;
  /** How these tries have failed. @default the error alone */
  readonly history?: readonly FailedAttempt[];
  /** Where the time comes from. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

/** What is kept of a history, and of a text. */
const MAX_HISTORY = 10;
const MAX_TEXT = 1_000;

/** What had befallen messages that are being replayed. */
const former = new WeakMap<Message, readonly FailedAttempt[]>();

/**
 * Makes a dead letter of a message. When the message comes from another letter, that was replayed, their histories are one.
 *
 * @param error What the last try has failed with.
 * @example
 * const letter = createDeadLetter(createMessage('order.placed', 'tea'), new OverflowError('orders', 100));
 * console.log(letter.reason, letter.error); // prints: ERR_OVERFLOW buffer: orders, limit: 100
 */
export function createDeadLetter(message: Message, error: unknown, options: DeadLetterOptions = {}): DeadLetter {
  const { attempts = 1, scheduler = asyncScheduler } = options;
  const at = scheduler.now();
  const failure = failureOf(error, at);
  const { history = [failure] } = options;
  const { reason, error: text } = failure;
  return { message, reason, error: text, attempts, history: [...(former.get(message) ?? []), ...history].slice(-MAX_HISTORY), at };
}

/** Lets the next dead letter of this message go on with the history of this one. */
export function goOnFrom({ message, history }: DeadLetter): void {
  former.set(message, history);
}

/** What a dead letter says of one failure. */
export function failureOf(error: unknown, at?: number): FailedAttempt {
  const { code, message } = Object(error) as { readonly code?: unknown; readonly message?: unknown };
  const text = (typeof message === 'string' ? message : String(error)).slice(0, MAX_TEXT);
  return { reason: typeof code === 'string' ? code : text, error: text, ...(at !== undefined && { at }) };
}

/** Notes failures, the last ones. */
export function createHistory(scheduler: SchedulerLike) {
  let failures: readonly FailedAttempt[] = [];
  return {
    add: (error: unknown): void => void (failures = [...failures, failureOf(error, scheduler.now())].slice(-MAX_HISTORY)),
    failures: () => failures,
  };
}
