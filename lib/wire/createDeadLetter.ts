import { asyncScheduler, type SchedulerLike } from 'rxjs';
import type { RxwireError } from '../message/errors.js';
import { wallTime } from '../message/steadyScheduler.js';
import type { Message } from '../message/types.js';
import type { DeadLetter, FailedAttempt } from '../stores/deadLetterStore.js';
import type { Rejection } from '../core/rejection.js';

export interface DeadLetterOptions {
  /** The number of attempts. @default 1 */
  readonly attempts?: number;
  /** The errors of these attempts. @default the error alone */
  readonly history?: readonly FailedAttempt[];
  /** The scheduler for the clock. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

/** The maximum length of a history, and of an error text. */
const MAX_HISTORY = 10;
const MAX_TEXT = 1_000;
/** The maximum length of a text for the sender. */
const MAX_REASON = 256;

const former = new WeakMap<Message, readonly FailedAttempt[]>();

/**
 * Creates a dead letter for a message, whose `metadata.retryCount` counts the retries. If the
 * message comes from a replayed dead letter, the new letter continues its history.
 *
 * @param error The error of the last attempt.
 * @example
 * import { createDeadLetter, createMessage, OverflowError } from 'rxwire';
 *
 * const letter = createDeadLetter(
 *   createMessage('order.placed', 'tea'),
 *   new OverflowError('orders', 100),
 * );
 * console.log(letter.reason, letter.error); // prints: ERR_OVERFLOW orders: the limit of 100 is reached
 */
export function createDeadLetter(message: Message, error: unknown, options: DeadLetterOptions = {}): DeadLetter {
  const { attempts = 1, scheduler = asyncScheduler } = options;
  const at = wallTime(scheduler);
  const failure = failureOf(error, at);
  const { history = [failure] } = options;
  const { reason, error: text } = failure;
  return {
    message: counted(message, attempts - 1),
    reason,
    error: text,
    attempts,
    history: [...(former.get(message) ?? []), ...history].slice(-MAX_HISTORY),
    at,
  };
}

/** Returns the message with its retries counted up in `metadata.retryCount`. */
function counted(message: Message, retries: number): Message {
  if (retries <= 0) return message;
  const { metadata } = message;
  return { ...message, metadata: { ...metadata, retryCount: (metadata?.retryCount ?? 0) + retries } };
}

export function isReplayed(message: Message): boolean {
  return former.has(message);
}

/** Lets the next dead letter of this message continue the history of this one. */
export function goOnFrom({ message, history }: DeadLetter): void {
  former.set(message, history);
}

/**
 * Returns the part of a failure for the sender: texts of the platform may contain paths and names.
 */
export function rejectionOf({ code, text }: RxwireError): Rejection {
  return { kind: 'dead-lettered', code, reason: text.slice(0, MAX_REASON) };
}

export function failureOf(error: unknown, at?: number): FailedAttempt {
  const { code, message, text = message } = Object(error) as Readonly<Record<'code' | 'message' | 'text', unknown>>;
  const sentence = (typeof text === 'string' ? text : String(error)).slice(0, MAX_TEXT);
  return { reason: typeof code === 'string' ? code : sentence, error: sentence, ...(at !== undefined && { at }) };
}

export function createHistory(scheduler: SchedulerLike) {
  let failures: readonly FailedAttempt[] = [];
  return {
    add: (error: unknown): void => void (failures = [...failures, failureOf(error, wallTime(scheduler))].slice(-MAX_HISTORY)),
    failures: () => failures,
  };
}
