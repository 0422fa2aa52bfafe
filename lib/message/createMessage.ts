import { nanoid } from 'nanoid';
import { asyncScheduler, type SchedulerLike } from 'rxjs';
import { ENVELOPE_VERSION } from './limits.js';
import type { Message, MessageType, PayloadOf } from './types.js';

/** Every field of the envelope that has a default or may be left out. */
export interface MessageOptions extends Partial<Omit<Message, 'type' | 'payload' | 'version'>> {
  /** Where `timestamp` comes from when it is not given. @default asyncScheduler */
  readonly scheduler?: SchedulerLike;
}

/**
 * Makes a message: a fresh id, the time, the envelope's version. `type` decides what `payload` must be. Nothing is checked
 * here: a codec refuses to encode what a peer would not accept.
 *
 * @param options Any other field of the envelope: `priority`, `ttl`, `target`, `headers`, …
 * @example
 * const message = createMessage('system.ping', { timestamp: 0 }, { priority: MessagePriority.HIGH, ttl: 5_000 });
 * console.log(message.type, message.priority); // prints: system.ping 2
 */
export function createMessage<T extends MessageType>(type: T, payload: PayloadOf<T>, options?: MessageOptions): Message<T>;
export function createMessage<T extends string, P>(
  type: T extends MessageType ? never : T,
  payload: P,
  options?: MessageOptions,
): Message<T, P>;
export function createMessage(type: string, payload: unknown, options?: MessageOptions): Message<string, unknown> {
  // The most of them are made so, and taking options apart costs as much as all the rest.
  if (!options) return { id: nanoid(), type, timestamp: asyncScheduler.now(), version: ENVELOPE_VERSION, source: '', payload };
  const { scheduler = asyncScheduler, id = nanoid(), source = '', timestamp, ...rest } = options;
  return { id, type, timestamp: timestamp ?? scheduler.now(), version: ENVELOPE_VERSION, source, payload, ...rest };
}
