import { nanoid } from 'nanoid';
import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { wallTime } from './steadyScheduler.js';
import { ENVELOPE_VERSION } from './messageLimits.js';
import type { Message, MessageType, PayloadOf } from './types.js';

/** The fields of a message that have a default or are optional. */
export interface MessageOptions extends Partial<Omit<Message, 'type' | 'payload' | 'version'>> {
  /** The clock for `timestamp`. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

/**
 * Creates a message with a random id, the time, and the version of the envelope. The type of
 * `payload` follows from `type`. This does not validate the message: a codec refuses to encode a
 * message that the peer would not accept.
 *
 * @param options Any other field of the envelope: `priority`, `ttl`, `target`, `headers`, …
 * @example
 * import { createMessage, MessagePriority } from 'rxwire';
 *
 * const message = createMessage(
 *   'system.ping',
 *   { timestamp: 0 },
 *   { priority: MessagePriority.HIGH, ttl: 5_000 },
 * );
 * console.log(message.type, message.priority); // prints: system.ping 2
 */
export function createMessage<T extends string, P>(
  type: T extends MessageType ? never : T,
  payload: P,
  options?: MessageOptions,
): Message<T, P>;
export function createMessage<T extends MessageType>(type: T, payload: PayloadOf<T>, options?: MessageOptions): Message<T>;
export function createMessage(type: string, payload: unknown, options?: MessageOptions): Message<string, unknown> {
  // Most messages have no options, and destructuring them would double the time.
  if (!options) return { id: nanoid(), type, timestamp: asyncScheduler.now(), version: ENVELOPE_VERSION, source: '', payload };
  const { scheduler = asyncScheduler, id = nanoid(), source = '', timestamp, ...rest } = options;
  return { id, type, timestamp: timestamp ?? wallTime(scheduler), version: ENVELOPE_VERSION, source, payload, ...rest };
}
